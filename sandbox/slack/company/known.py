"""Conversations every generated company has, whatever its size: what a demo searches for."""

# ruff: noqa: E501  (a message is one line of its scene)

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KnownStory:
    """A conversation with a fixed content.

    Attributes:
        channel: Where it is.
        days_ago: When it began, in days before the end of the history.
        departments: Whose people speak.
        script: What they say, see :mod:`sandbox.slack.company.script`.
        words: Words that are not left to chance.
        hour: Hour of the day it began.
    """

    channel: str
    days_ago: float
    departments: tuple[str, ...]
    script: str
    words: Mapping[str, str] = field(default_factory=dict)
    hour: float = 10.4


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question a person may ask the search, and where the answer is.

    Attributes:
        question: As somebody would type it.
        channel: Name of the channel with the answer.
        answer: Words the answer's message contains.
        access: ``everybody``, or ``members`` where the channel is private.
    """

    question: str
    channel: str
    answer: str
    access: str = "everybody"


DEMO_QUESTIONS = (
    DemoQuestion(
        "Why did the payment service time out?", "incidents", "connection pool was exhausted"
    ),
    DemoQuestion("What is our parental leave policy?", "ask-people", "20 weeks of fully paid"),
    DemoQuestion("How do I rotate the production API keys?", "platform", "keyring rotate"),
    DemoQuestion("How much may a client dinner cost?", "ask-finance", "60 euros a head"),
    DemoQuestion(
        "Which message queue did we choose for the timetable import?",
        "architecture",
        "RabbitMQ",
    ),
    DemoQuestion(
        "When is the code freeze for the summer timetable?", "releases", "freeze starts on Thursday"
    ),
    DemoQuestion(
        "Why did Northsound passengers get two tickets?",
        "ext-northsound",
        "confirmed the payment twice",
    ),
    DemoQuestion("How do I get into the VPN from abroad?", "ask-it", "travel profile"),
    DemoQuestion("How long do we keep passport data?", "legal-privacy", "30 days after"),
    DemoQuestion(
        "Where is the company offsite this year?", "company-news", "offsite is in Madeira"
    ),
    DemoQuestion("How does the on-call handover work?", "on-call", "fifteen minutes"),
    DemoQuestion("Are we buying Quayside?", "leadership", "letter of intent", access="members"),
    DemoQuestion(
        "What do we look for in a system design interview?",
        "recruiting",
        "asks about failure",
        access="members",
    ),
    DemoQuestion(
        "What is the salary band of a senior engineer?",
        "people-private",
        "band E4",
        access="members",
    ),
)

STORIES = (
    KnownStory(
        "incidents",
        5.2,
        ("payments", "platform"),
        """
@pagerbuoy.alert
a: @oncall @here payment-service is timing out, checkout shows "payment could not be completed". I am leading this one.
+ eyes:4
> b: p99 went from 300 ms to 12 s at 12:07. Pods are healthy, CPU is idle, so they wait for something
> c: Database looks fine from our side, but all 20 connections of payment-service are in use
% trace
> a: Who holds them?
> b: The fraud check. It opens a transaction, then calls the external provider, and the provider takes 9 seconds today
+ bulb:3
> c: And booking-api retries every timeout at once, so we have a retry storm on top
> b: Raising the pool to 60 now, and switching `payments.retry_storm_guard` on
> a: Error rate is falling. 3 % ... 0.4 % ... back to normal at 12:49
+ tada:5
>! a: *Resolved.* Why the payment service timed out: its database connection pool was exhausted. The fraud check kept a connection open while it waited for the slow external provider, and booking-api's retries made it worse. Pool is now 60, retries are limited, and the fraud check gets a pool of its own tomorrow. Ticket is PAY-482.
+ white_check_mark:6 pray:3
^
> d: Do we need to refund anybody?
> b: No, 212 payments were queued and went through after the fix. None was taken twice
>> b: Fraud check has its own pool since this morning, settings attached. The runbook is up to date as well
% pool
>> c: Post-mortem: <https://wiki.harbourline.example/postmortems/payment-timeouts|Payment timeouts>. Three actions, all have owners in PAY-482
% runbook
""",
        {"service": "payment-service", "error": "deadline exceeded", "ms": "12000 ms"},
        hour=12.15,
    ),
    KnownStory(
        "ask-people",
        3.4,
        ("people", "mobile"),
        """
b: Hi! We are expecting in spring :baby: What is our parental leave policy? The wiki page looks old
+ tada:7 heart:5
> a: Congratulations!! Every new parent gets 20 weeks of fully paid parental leave, no matter the gender or how the child arrived. You can split it into up to three parts within 18 months
> a: After that there are 6 weeks part-time at full pay. Please tell your manager and us 8 weeks ahead. The policy is attached, and I am fixing the wiki page
% leave
> b: That is much better than I thought, thank you :pray:
> c: Does it also apply to adoption?
> a: Yes, adoption and foster care too
~
""",
    ),
    KnownStory(
        "platform",
        17.6,
        ("platform", "payments"),
        """
b: How do I rotate the production API keys of a partner? Security asks for it every 90 days
> a: Not by hand :slightly_smiling_face:
| 1. `keyring rotate --env production --partner &lt;id&gt;` makes the new key and keeps the old one alive for 24 hours
| 2. tell the partner, they find the new key in their portal
| 3. `keyring retire --partner &lt;id&gt;` the day after
> a: Never paste a key here, not even an old one. The list of who is due is PLAT-207
+ 100:4
> b: Worked, thanks. Fjordlink is rotated
""",
    ),
    KnownStory(
        "ask-finance",
        9.3,
        ("finance", "sales"),
        """
b: How much can I spend on a client dinner? Taking the Cabo Sul people out on Thursday
> a: Up to 60 euros a head including drinks, and please note who was there on the receipt. Above that ask your manager first
> b: :+1: And taxis?
> a: Taxis are fine after 21:00 or with luggage, trains before that
""",
    ),
    KnownStory(
        "architecture",
        33.1,
        ("platform", "data", "payments"),
        """
a: *Decision needed:* message queue for the timetable import. Ports send up to 4,000 changes a minute in storms. Candidates are Kafka and RabbitMQ
> b: Kafka would give us replay. But we have nobody who runs it, and one topic does not justify a cluster
> c: We have run RabbitMQ for two years, quorum queues survived the last zone outage, and 4,000 a minute is nothing for it
> d: Replay we can have from the raw files in the bucket anyway
>! a: *Decided:* the timetable import uses RabbitMQ with quorum queues. Reasons: we know how to run it, the load is small, and replay comes from the raw files. We look at it again if a second consumer appears. Written down in DATA-118.
+ +1:6
^
""",
    ),
    KnownStory(
        "releases",
        12.8,
        ("product", "platform", "support"),
        """
a: Summer timetable: the code freeze starts on Thursday at 18:00 and ends on Monday at 09:00. Only fixes with a ticket and two approvals go out in between. @here please plan around it
+ eyes:6
^
> b: Does the freeze include the mobile apps?
> a: Yes, also the apps. Store reviews take two days, so submit by Tuesday
> c: Support has extra people on Friday and Saturday
+ raised_hands:2
""",
    ),
    KnownStory(
        "ext-northsound",
        7.7,
        ("support", "payments"),
        """
x: Hello all, since this morning some of our passengers get two tickets for one booking. Example HB482913, Ullapool - Stornoway
> a: Thanks, we see it. Looking together with the payments team
> b: Found it: your card terminal gateway confirmed the payment twice, and we issued a ticket for each confirmation. From now on a second confirmation of the same payment is ignored (PAY-497)
> y: Do both tickets scan?
> b: Only the first one. The second is void, and we sent the 38 passengers a note
>> x: No new cases since then. Thank you for the quick help!
+ pray:3
""",
    ),
    KnownStory(
        "ask-it",
        6.1,
        ("it", "marketing"),
        """
b: I am in Tallinn and cannot get into the VPN, it says "location not allowed"
> a: Open the VPN client, choose the *travel profile*, and confirm on your phone. It works for 14 days, then ask here again
> b: That was it, I am in
+ white_check_mark:1
""",
    ),
    KnownStory(
        "legal-privacy",
        26.5,
        ("leadership", "data", "product"),
        """
b: How long do we keep passport data of passengers? The operator wants to put it on their invoice
> a: We delete passport and ID data 30 days after the trip, by law and by contract. Invoices keep name and booking number only, never the document number
> c: The deletion job runs every night, its report is on the data dashboard
""",
    ),
    KnownStory(
        "company-news",
        14.2,
        ("leadership",),
        """
a: :palm_tree: This year's offsite is in Madeira, the second week of October. Families are welcome on the weekend. The form for flights and diets follows tomorrow
+ tada:14 heart:9 palm_tree:6
^
> b: Best news of the year
> c: Is hiking part of the plan?
> a: It is now
+ joy:5
""",
    ),
    KnownStory(
        "on-call",
        20.4,
        ("platform", "payments"),
        """
b: First on-call week for me. How does the handover work?
> a: Monday at 10:00 the old and the new person talk for fifteen minutes: open incidents, noisy alerts, planned deploys. Then the new one takes the pager and says so here
> a: If you need a swap, find somebody here and change it in Pagerbuoy, no approval needed
> b: Thanks! I take the pager on Monday :wave:
+ muscle:3
""",
    ),
    KnownStory(
        "leadership",
        4.6,
        ("leadership", "finance"),
        """
a: Confidential: we signed a letter of intent to acquire Quayside, the port software company. Due diligence runs for six weeks, nobody outside this channel knows
> b: Finance needs their last three annual accounts by Friday
> a: Data room opens tomorrow. Please do not mention Quayside anywhere else, not even in direct messages
+ white_check_mark:3
""",
    ),
    KnownStory(
        "recruiting",
        11.9,
        ("people", "product"),
        """
a: For the system design interview, please score the same five things for everybody:
| • clarifies the problem before drawing
| • picks boring technology with a reason
| • asks about failure and load
| • can say what it costs
| • listens
> b: Should a candidate know our domain?
> a: No. Curiosity about it is enough
^
""",
    ),
    KnownStory(
        "people-private",
        22.3,
        ("people", "leadership"),
        """
a: Salary bands from January: senior engineers are in band E4, 68,000 to 84,000. Letters go out in the first week
> b: Approved by the board yesterday
""",
    ),
)
