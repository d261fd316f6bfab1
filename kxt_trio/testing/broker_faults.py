"""What the stand-in broker can do wrong, on demand."""

from __future__ import annotations

from datetime import date

from .broker import Broker
from .control_desk import Refusal
from .rest_desk import Outage
from .switchboard import ConnectFault

__all__ = ["BrokerFaults"]

_SERVICE_UNAVAILABLE = 503


class BrokerFaults:
    """The faults of :class:`~kxt_trio.testing.FakeKIS`.

    All are synchronous.  Those that end connections act on every open one and do nothing
    when there is none; the client may connect again at once.  Those with ``times`` apply
    to that many of the next occasions, in the order in which they were asked for, and
    then are over.
    """

    _broker: Broker

    def heal(self) -> None:
        """End every fault that is still to come, and every one that lasts.

        What happened stays as it is: a connection that was silenced is dead.
        """
        switchboard = self._broker.switchboard
        switchboard.receptions.clear()
        switchboard.refusals.clear()
        switchboard.hang_ups = 0
        switchboard.occupied = switchboard.ignores_goodbye = False
        self._broker.rest.approval_refusals.clear()
        self.rest_up()
        self.limit_rest(None)
        self.restore_pages()

    def drop(self) -> None:
        """Cut the connection as a TCP reset does.

        Notices that the client has not read yet are lost with it.
        """
        for desk in self._broker.switchboard.connections:
            desk.drop()

    def close(self, code: int = 1000) -> None:
        """Close the connection politely, after what has been sent already."""
        for desk in self._broker.switchboard.connections:
            desk.close(code)

    def close_without_fin(self, code: int = 1000) -> None:
        """Send a close frame, then neither answer nor hang up."""
        for desk in self._broker.switchboard.connections:
            desk.close_without_fin(code)

    def silence(self) -> None:
        """Go half-open: no byte comes or is heard any more, and the link does not end.

        The session stays occupied until the client gives the connection up.
        """
        for desk in self._broker.switchboard.connections:
            desk.silence()

    def ignore_goodbye(self) -> None:
        """From now on answer no release and no close frame, and never hang up after one."""
        self._broker.switchboard.ignores_goodbye = True
        for desk in self._broker.switchboard.connections:
            desk.ignores_goodbye = True

    def refuse_connections(self, times: int = 1) -> None:
        """Refuse to connect."""
        self._broker.switchboard.receptions.extend([ConnectFault.REFUSED] * times)

    def hang_connections(self, times: int = 1) -> None:
        """Accept the connection and never answer the handshake."""
        self._broker.switchboard.receptions.extend([ConnectFault.HANGING] * times)

    def garbage_handshake(self, times: int = 1) -> None:
        """Answer the handshake with what is not HTTP."""
        self._broker.switchboard.receptions.extend([ConnectFault.GARBAGE] * times)

    def eof_handshake(self, times: int = 1) -> None:
        """Hang up in the middle of the handshake."""
        self._broker.switchboard.receptions.extend([ConnectFault.EOF] * times)

    def reject_handshake(self, status: int = _SERVICE_UNAVAILABLE, times: int = 1) -> None:
        """Answer the handshake with this HTTP status."""
        self._broker.switchboard.receptions.extend([status] * times)

    def refuse(self, msg_cd: str, times: int = 1, msg1: str | None = None) -> None:
        """Refuse the next subscriptions.

        Args:
            msg_cd: The broker's code, such as ``"OPSP8996"``.  Codes of session or parse
                level come without the TR they are about, as at KIS.
            times: How many.
            msg1: The broker's words; None for its usual ones.
        """
        self._broker.switchboard.refusals.extend([Refusal(msg_cd, msg1)] * times)

    def accept_and_close(self, times: int = 1) -> None:
        """Acknowledge the next subscriptions and hang up at once, without a close frame."""
        self._broker.switchboard.hang_ups += times

    def occupy_session(self) -> None:
        """Let another program hold the app key: newcomers get ``OPSP8996``."""
        self._broker.switchboard.occupied = True

    def free_session(self) -> None:
        """End :meth:`occupy_session`."""
        self._broker.switchboard.occupied = False

    def reject_approval(
        self, times: int = 1, code: str = "EGW00103", status: int = 403
    ) -> None:
        """Refuse to issue an approval key."""
        self._broker.rest.approval_refusals.extend([(code, status)] * times)

    def expire_approval_keys(self) -> None:
        """Forget all approval keys; whoever subscribes with one gets ``OPSP0011``."""
        self._broker.keys.expire_approval_keys()

    def send_text(self, raw: str) -> None:
        """Send any text to every connection, as it is.

        A PINGPONG is one like the broker's own: its answer is expected, and in time.
        """
        for desk in self._broker.switchboard.connections:
            desk.send_text(raw)

    def rest_down(
        self, times: int | None = None, status: int | None = _SERVICE_UNAVAILABLE
    ) -> None:
        """Let REST fail.

        Args:
            times: How many requests; None for all, until :meth:`rest_up`.
            status: HTTP status of the answer; None for a refused connection.
        """
        if times is None:
            self._broker.rest.down = Outage(status)
        else:
            self._broker.rest.outages.extend([Outage(status)] * times)

    def rest_up(self) -> None:
        """End :meth:`rest_down`."""
        self._broker.rest.down = None
        self._broker.rest.outages.clear()

    def limit_rest(self, calls_per_second: int | None) -> None:
        """Refuse more REST calls than this with ``EGW00201``; KIS allows 18, on paper 1."""
        self._broker.rest.calls_per_second = calls_per_second

    def truncate_pages(self, times: int = 1) -> None:
        """Lose the second half of the next pages' rows; what they say of more stays true."""
        self._broker.inquiry.truncated += times

    def restore_pages(self) -> None:
        """End what makes lists lack rows: cut, shifted and hidden ones, refused days."""
        inquiry = self._broker.inquiry
        inquiry.truncated, inquiry.hidden = 0, False
        inquiry.shifts.clear()
        inquiry.refused_days.clear()

    def shift_pages(self, by: int = 1, times: int = 1) -> None:
        """Let the next continuations start ``by`` rows too late, or too early if negative.

        Rows are skipped, or come twice.
        """
        self._broker.inquiry.shifts.extend([by] * times)

    def misreport_finished(self, order_id: str) -> None:
        """Let inquiries say that nothing is left of an order that can still be filled."""
        self._broker.exchange.order(order_id).misreported_finished = True

    def misreport_totals(self, order_id: str, *, quantity: int, amount: int) -> None:
        """Let inquiries give these totals of an order, whatever was traded.

        The rest is reckoned from them, so a row with all shares is a false terminal row.
        """
        self._broker.exchange.order(order_id).misreported_totals = (quantity, amount)

    def garble_row(self, order_id: str) -> None:
        """Let the row of this order be one that nobody can read."""
        self._broker.exchange.order(order_id).garbled = True

    def split_row(self, order_id: str) -> None:
        """Let inquiries list this order twice, its executions by turns at KRX and NXT.

        As a router's order might be listed; nobody has recorded it yet.
        """
        self._broker.exchange.order(order_id).split = True

    def report_truly(self, order_id: str) -> None:
        """End what is wrong with the rows of this order."""
        order = self._broker.exchange.order(order_id)
        order.misreported_finished, order.misreported_totals = False, None
        order.garbled = order.split = False

    def hide_rows(self) -> None:
        """Let inquiries list no order, beside sums that are true; until :meth:`restore_pages`.

        Seen on paper accounts.
        """
        self._broker.inquiry.hidden = True

    def refuse_day(self, day: date) -> None:
        """Refuse every inquiry about this day (``KIER2570``), until :meth:`restore_pages`."""
        self._broker.inquiry.refused_days.add(day)
