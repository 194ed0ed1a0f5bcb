"""What people of Harbourline write about on any day: conversations, filled in with other words.

A conversation is text: a line ``# subject``, then its mails. ``a: text`` begins a mail of a person
(``a`` to ``c`` work here, ``x`` is somebody of another company), further lines belong to it, and
``% name`` attaches a file. ``$name`` and ``{this|that}`` are filled by
:class:`sandbox.gmail.company.words.Words`.
"""

import re
from dataclasses import dataclass, field
from functools import cache

_FIRST = re.compile(r"(?P<role>[a-cx]): ?(?P<text>.*)\Z")


@dataclass(slots=True)
class Turn:
    """One mail of a conversation.

    Attributes:
        role: Who writes.
        lines: Its text, not yet filled in.
        files: Names of the attachments.
    """

    role: str
    lines: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A subject and what is said about it.

    Attributes:
        subject: Not yet filled in.
        turns: Its mails.
    """

    subject: str
    turns: tuple[Turn, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """Who takes part, in the order they first write; always two at least."""
        roles = list(dict.fromkeys(turn.role for turn in self.turns))
        return tuple(roles if len(roles) > 1 else [*roles, "a" if roles[0] != "a" else "b"])


@cache
def read_conversation(script: str) -> Conversation:
    """Read a script.

    Raises:
        ValueError: It does not begin with a subject and a mail.
    """
    lines = [line.strip() for line in script.strip().split("\n")]
    if not lines[0].startswith("# "):
        raise ValueError(f"a conversation begins with '# subject', not {lines[0]!r}")
    turns: list[Turn] = []
    for line in lines[1:]:
        match = _FIRST.match(line)
        if match is not None:
            turns.append(Turn(match["role"], [match["text"]]))
        elif not turns:
            raise ValueError(f"no mail has begun: {line!r}")
        elif line.startswith("% "):
            turns[-1].files.append(line[2:])
        else:
            turns[-1].lines.append(line)
    if not turns:
        raise ValueError("a conversation has one mail at least")
    return Conversation(lines[0][2:], tuple(turns))


INSIDE = (
    """
# {Question about|Trouble with} the $component
a: Hi,

since the release on $weekday the $component of $service {is slow|drops requests|logs "$error"}.
It takes $ms instead of $ms2. Does anybody know what changed?
b: That was probably $ticket. We changed the $component2 as well, and the two do not get along.
I can roll it back at $time.
a: Please do, thanks!
""",
    """
# Numbers for $route
a: Hello,

can you send me the bookings for $route of the last quarter? I need them for the
meeting with $customer.
b: Attached. In short: $count percent more passengers with $feature, and $pct of them
came back.
% bookings-$booking.xlsx
a: Great, that is more than I hoped for.
""",
    """
# Minutes of the $team meeting
a: Hi all,

minutes of today are attached. Decisions: we ship $feature on $weekday, and $component waits.
Next meeting on $weekday2 at $time.
% minutes-$team.docx
b: One correction: $component does not wait, it is done since yesterday.
""",
    """
# Interview: $hire
a: You meet a candidate for {the|our} $hire role on $weekday at $time. The CV is attached.
Please look at how they handle a $component under load.
% cv-$booking.pdf
b: Will do. Who writes the summary?
a: I do, just send me your notes.
""",
    """
# Holidays
a: Hi $name, I would like to take {a week|two weeks} from $weekday on. Is that fine with you?
b: Of course. Please hand over $ticket before you go.
""",
    """
# Design review: $feature
a: Hello,

before we build $feature for $customer I would like to go through the design. My questions:

- what happens when $service is down?
- how do we price it on $route?
- who answers the support cases?
b: 1. We keep the $component for $minutes minutes.
2. As today, plus $money.
3. The second line, there is a page in the wiki.
c: Then I have nothing against it. Please add the numbers to $ticket.
""",
    """
# Lunch on $weekday?
a: {The place by the harbour|The new one behind the station} has $dish on $weekday. Who comes along?
b: Me! At $time?
c: Count me in
""",
    """
# Budget of $team
a: Hi,

we are $money over budget, mostly because of $tool. Can we drop licences? The table is attached.
% budget-$team.csv
b: $count of them were not used in three months. I cancel those.
a: Perfect.
""",
    """
# Upgrade of $library
a: $library has a security fix. $service and $service2 need it by $weekday. Is anything in the way?
b: $service is done. $service2 still pins it because of the $component, I look at it tomorrow.
""",
    """
# On-call next week
a: I cannot carry the pager from $weekday to $weekday2, my {parents visit|child has holidays}.
Could you take it?
b: Yes, if you take my {Friday|Saturday} in exchange.
a: Deal. I changed it in Pagerbuoy.
""",
)

OUTSIDE = (
    """
# $feature for $route
x: Dear Harbourline team,

we would like to offer $feature on $route from {spring|summer|autumn} on. What would it cost,
and how long would it take?
a: Thank you for asking. We can have it live within $count days; the price depends on how many
passengers use it. Our offer is attached.
% offer-$booking.pdf
x: That looks reasonable. I have to talk to our board and come back to you on $weekday.
a: Of course. You reach me at any time.
""",
    """
# Booking $booking cannot be changed
x: Hello,

a passenger wants to move booking $booking to another day, and your system says "$error".
She travels on $weekday. Please help quickly.
a: I moved it by hand, she gets a new ticket in the next minutes. The cause was our $component,
it is fixed since $time.
x: She has it. Thank you!
""",
    """
# Invoice {HL|HB}-$case
x: Good morning,

invoice $case says $money, our purchase order says $money2. Which one is right? I attach our order.
% order-$booking.pdf
a: You are right, the discount was missing. The corrected invoice is attached.
% invoice-$booking.pdf
x: Approved, paid on $weekday.
""",
    """
# Statement of account
x: Dear Sir or Madam,

please find attached our statement of account. {The balance is due on $weekday.|Nothing is due.}
% statement-$booking.xlsx
""",
    """
# Timetable change on $route
x: Hello,

because of works in the port of $city we have to move $count departures on $route. The new times are
in the attached table. Can you load them before $weekday?
% timetable-$booking.csv
a: Loaded and checked. $count2 passengers were told, $minutes of them wanted their money back.
x: Thank you, that went well.
""",
    """
# Visit to $city
x: Dear $name,

our whole team will be in $city on $weekday. Would you have time for a coffee at $time?
a: With pleasure. I bring the roadmap for $feature.
""",
    """
# Security questionnaire
x: Hello,

our auditors ask all suppliers to answer the attached questionnaire. Question $count is the most
important one: where are passport numbers stored, and for how long?
% questionnaire-$booking.xlsx
a: Filled in. They are stored in the EU and deleted 30 days after the trip.
% questionnaire-$booking-answers.xlsx
""",
)
