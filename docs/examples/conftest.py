pytest_plugins = ["kxt_trio.testing.plugin"]
