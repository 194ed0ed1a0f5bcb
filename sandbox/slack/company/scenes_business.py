"""Conversations about the product, the customers and the market."""

# ruff: noqa: E501  (a message is one line of its scene)

RELEASE = (
    """
a: Release notes for $version are {ready|in review}: $feature, faster $component, and $count fixes
> b: Marketing takes the first line for the newsletter
> c: Support asks what to say about {old phones|vouchers}
> a: {Works from this version on|Nothing changes there}, I add a sentence
~
+ +1:3
""",
    """
a: We ship $feature {behind a flag|to $customer first} on $weekday. {Everybody else a week later|Then ten per cent a day}
> b: Is the help page {done|translated}?
> a: {Will be|Yes}, @c has it
+ eyes:2
""",
    """
a: We {move|push} $feature to the next release. The $component {needs another week|is not good enough yet}
> b: {Right call|Better late}. I tell $customer
> c: Then $feature2 goes first?
> a: Yes
""",
)

PROJECT = (
    """
a: Status: {design is done|prototype works on staging|first operator is live}. Next: $feature, then the $component
| • risk: {translations|the app store review|the port feed}
| • help needed: {testers|a decision on vouchers|nobody}
> b: I can {test tomorrow|help with testing}
> c: Decision on vouchers {comes on $weekday|is in #product}
+ raised_hands:2
""",
    """
a: {Showed|Demoed} it to $customer today. They {love|like} $feature and {miss|ask for} $feature2
> b: That is {on the list for later|half done anyway}
> c: Did they say anything about the {price display|seat map}?
> a: Too small on phones. @d has {ideas|a sketch}
> d: Sketch is {here|attached}
% screenshot
+ heart:2
""",
    """
a: Do we {support|need} $feature in the first version? It costs us {a week|two weeks}
> b: $pct of bookings use it on $route. {I would say yes|Hard to leave out}
> c: We could {link to the old page|hide it} until then
>! a: Agreed: first version without $feature, with a link to the old page
+ +1:3
""",
    """
a: Notes of today's planning
% notes
> b: Thanks. {I miss|One thing:} the date for the beta
> a: {$day|The week after the freeze}
~
""",
    """
a: {Blocked|Stuck} on the $component: staging has no test data for $route
> b: {Creating some|I copy some over}, ten minutes
> b: There you go
> a: {Unblocked|Works}, thank you!
+ pray:1
""",
)

PRODUCT = (
    """
a: Interview with {a family|two commuters|a school secretary} on $route: nobody finds $feature. They look for it {next to the price|under "My trips"}
> b: {Same as|Exactly what we heard} last month
> c: Moving it up costs nothing. {Mock-up tomorrow|I draw something}
+ bulb:3
""",
    """
a: Roadmap draft for next quarter: {1. |}$feature, $feature2, and less friction in the $component. {Thoughts|Comments}?
> b: I miss {refunds without a phone call|the port map}
> a: It is in, hidden under "service". I rename it
~
> c: {Good|Fine} for support
""",
    """
a: Numbers after four weeks of $feature: $pct of {bookings|operators} use it, tickets about it {halved|went down by $pct2}
% funnel
+ tada:5
> b: {Wow|Better than planned}. Which operator is missing?
> a: $customer, they switch it on {next week|after the season}
""",
    """
a: Competitor {offers|announced} $feature. Do we worry?
> b: Theirs works without {vehicles|groups}. {No|Not yet}
> c: Two leads asked me about it this week, so a line in the sales deck would help
""",
)

DESIGN = (
    """
a: Two versions of the $feature screen, which one reads better?
% screenshot
> b: The left one. The button says what happens
> c: Left, but the price is {too light|hard to read} in the sun
> a: Left it is, with more contrast
+ +1:2
""",
    """
a: Wording: "Cancel trip" or "Give back ticket"? {Testers mixed them up|Support asks}
> b: "Cancel trip". "Give back" sounds like {a gift|a shop}
> a: :+1:
""",
    """
a: The icon set has a new ferry :ferry: please stop drawing your own
+ joy:4 ferry:3
""",
)

SUPPORT = (
    """
@helpdesk.ticket
a: {Can somebody from checkout look|Needs an engineer}: booking $booking, {seat is sold twice|no ticket arrived|refund is missing}
> b: {Looking|Checking}. The $component {ran twice|skipped it} because of `$error`
> b: Corrected by hand, {fix is in $ticket|and $ticket so it does not happen again}
> a: Customer is {happy|informed}. Closing $case
+ white_check_mark:1
""",
    """
a: {Three|Four|Five} calls this morning about $feature on $route. Did something change?
> b: {We released $version yesterday|The price moved}. The {text|button} is {misleading|new}
> a: Macro is updated: <https://wiki.harbourline.example/macros/$pr|what to answer>
""",
    """
a: How do I {move|change} a {group|vehicle} booking to another sailing? The tool says `$error`
> b: Cancel the vehicle first, then move, then add it again. {Ugly, I know|Known bug}, $ticket
> a: {Worked|Done}, thanks
""",
    """
a: Storm warning for $route on $weekday, expect calls. Refund rule: full refund or free change until $day
+ warning:3
^
> b: Is the banner up?
> c: Up since $time, in {four|six} languages
""",
    """
@helpdesk.ticket
> a: I take it
> a: Solved: they used a voucher of another operator
""",
)

SALES = (
    """
a: $customer {renewed|signed} for {two|three} years :tada: {$money a month|plus $feature}
+ tada:8 clap:4
> b: {Congratulations|Well done}! What convinced them?
> a: {The uptime report|How fast support answers}, and $feature
""",
    """
a: Demo for $customer on $weekday at $time, they want to see $feature. {Who joins from product|Can somebody technical join}?
> b: {I do|I'm in}
> c: Please do not show $feature2, it is {off on staging|not ready}
> a: Noted
""",
    """
a: Lead from {the trade fair|our website}: {small operator, four boats|island council}. They ask for $feature in {Greek|Gaelic|Danish}
> b: {We have it|Translation is half done}. What do they use today?
> a: A spreadsheet and a telephone :sweat_smile:
""",
    """
a: $customer asks for a discount of $pct {because of the outage|for a longer contract}
> b: Not more than 10 % without finance
> a: Offering 8 % and a workshop on $feature
""",
)

MARKETING = (
    """
a: Newsletter draft: "{Three islands, one ticket|Your summer by boat}". {Proofreaders welcome|Anybody for a second look}?
> b: Second paragraph promises $feature everywhere, it is only on {some routes|$route}
> a: Changed to "on selected routes"
~
""",
    """
a: Story about $customer is online: <https://harbourline.example/stories/$pr|how they moved $count sailings in a week>
+ clap:5
""",
    """
a: Search ads for $route cost us $money this week. {Worth it|Stop them}?
> b: $count bookings came in by them. {Keep|Keep them until the season ends}
""",
)

CUSTOMER = (
    """
a: Call with them today: {happy with the season|worried about winter}, want $feature {by spring|soon}. Case $case is still open
> b: $case is {in work|waiting for their logs}
> a: I tell them {$weekday|tomorrow}
""",
    """
a: Their new timetable for $route {arrived|is in the bucket}, valid from $day
> b: Imported, {no conflicts|two sailings overlap, asked them}
+ white_check_mark:2
""",
    """
a: They want an export of {passenger lists|all bookings} every night. Do we have that?
> b: Yes, switch on "nightly export", format is {CSV|JSON}
% answer
> a: {Perfect|Done}
""",
)

SHARED = (
    """
x: Good morning! Our harbour office cannot {open the manifest|print the list} for $route
> a: Good morning, {looking|checking}. Which browser do they use?
> x: {An old one I am afraid|Firefox}
> a: Please try again now, we {restarted|fixed} the $component
> x: Works, thanks!
+ pray:1
""",
    """
y: Could you tell us how to offer $feature from $day on?
> a: Under Settings, Fares. I can switch it on for a test sailing first
> y: Yes please, $route at $time
> b: Switched on. It shows up for staff only
""",
    """
a: Maintenance on $weekday between 02:00 and 03:00, ticket sales continue
> x: Thank you for the notice
+ +1:2
""",
    """
x: Our finance asks for the settlement of last month as CSV
% bookings
> a: That is the right file, and from next month it arrives by itself
~
""",
)

BUSINESS_SCENES = {
    "release": RELEASE,
    "project": PROJECT,
    "product": PRODUCT,
    "design": DESIGN,
    "support": SUPPORT,
    "sales": SALES,
    "marketing": MARKETING,
    "customer": CUSTOMER,
    "shared": SHARED,
}
