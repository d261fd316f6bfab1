"""The tree of errors."""

from __future__ import annotations

import pickle

import pytest

from kxt_trio import errors

CLASSES = {name: getattr(errors, name) for name in errors.__all__}


def printed_tree() -> dict[str, str]:
    """Read the parent of every class from the drawing in the module's docstring."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in errors.__doc__.splitlines():
        words = line.replace("├──", "").replace("└──", "").replace("│", " ").split()
        if not words or words[0] not in CLASSES:
            continue
        name, column = words[0], line.index(words[0])
        above = {depth: parent for depth, parent in above.items() if depth < column}
        parents[name] = above[max(above)] if above else "Exception"
        above[column] = name
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    assert printed_tree() == {name: cls.__bases__[0].__name__ for name, cls in CLASSES.items()}


def test_a_bad_argument_is_a_value_error_too():
    with pytest.raises(ValueError, match="which"):
        raise errors.KXTValidationError("which")


@pytest.mark.parametrize("cls", CLASSES.values())
def test_every_error_says_its_message_and_survives_pickling(cls: type[errors.KXTError]):
    error = pickle.loads(pickle.dumps(cls("what happened")))
    assert type(error) is cls
    assert str(error) == "what happened"


def test_the_brokers_codes_are_attributes_and_survive_pickling():
    refused = errors.KXTSubscriptionError(
        "no", tr_id="H0STCNI0", msg_cd="OPSP0017", msg1="invalid"
    )
    copied = pickle.loads(pickle.dumps(refused))
    assert (copied.tr_id, copied.msg_cd, copied.msg1) == ("H0STCNI0", "OPSP0017", "invalid")
    assert pickle.loads(pickle.dumps(errors.KXTAuthenticationError("no", code="X"))).code == "X"
    rest = pickle.loads(pickle.dumps(errors.KXTAPIError("no", code="EGW00201", status=500)))
    assert (rest.code, rest.status) == ("EGW00201", 500)
