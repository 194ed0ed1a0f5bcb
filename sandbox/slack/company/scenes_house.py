"""Conversations about the company itself, and all the talk that is not work."""

# ruff: noqa: E501  (a message is one line of its scene)

GENERAL = (
    """
a: {Good morning|Morning} everybody :wave: {Reminder|Please remember}: all hands on $weekday at $time, questions go into the form
+ +1:6
""",
    """
a: {Please welcome|Say hello to} @b, who joins the $team team today! {Previously at a shipyard|Likes boats, obviously}
+ wave:9 tada:4
> b: Hi all, happy to be here! {Looking forward to meeting you|Come and say hello}
> c: Welcome!
> d: Welcome @b :ferry:
""",
    """
a: The licence of $tool {changes|moves} on $day, you may have to log in again
> b: {Also on the phone|Do we lose anything}?
> a: {Yes|No}, {once|everything stays}
""",
    """
a: Lost in the kitchen: {a blue cup|one glove|a charger|the key with the ferry tag}
> b: {Mine|That is mine}, thank you!
""",
    """
a: Thank you to @b and @c for {saving the $customer demo|the calm on $weekday|staying late} :pray:
+ heart:7 clap:5
""",
)

NEWS = (
    """
h: :tada: We sold {one million|two million|half a million} tickets {this season|since spring}. That is $pct more than last year, thanks to all of you
+ tada:15 rocket:7
> b: And no outage on the busiest day
> c: {Cake|$dish} in the kitchen at three
+ cake:4
""",
    """
h: $customer is {live|our newest operator}. {Five|Seven|Three} boats, $route and more
+ ferry:8 clap:6
> b: {Great work|Well done} team $team
""",
    """
h: Results of the survey: {happiest about|we like} colleagues and flexibility, {unhappiest about|we struggle with} meetings. {Three changes|What we do}:
| 1. no meetings on Friday afternoon
| 2. every meeting has notes
| 3. recurring ones end by themselves after a quarter
+ raised_hands:11
> b: Number 3 :heart:
""",
    """
h: Opening hours of the office change from $day: 07:30 to 20:00
+ +1:4
""",
)

SMALLTALK = (
    """
a: {Anyone for|Who is in for} lunch at {12:30|one}? {The place with|Craving} $dish
> b: {In|Me}!
> c: {Next time|Already had mine} :sweat_smile:
""",
    """
a: I made $dish, it is in the kitchen. {First come, first served|Be quick}
+ heart:6 fire:2
b: Gone already?!
a: {Sorry|Tomorrow more} :joy:
""",
    """
a: Which {song|film|game} do you {never get tired of|play after a bad day}?
> b: The one with the lighthouse
> c: {Anything with boats|Old ones}, obviously
> d: Silence
+ joy:5
""",
    """
a: Sunrise from the {$city ferry|train} this morning
% photo
+ heart:7
> b: {Stunning|Wow}
> c: And I looked at a spreadsheet
""",
    """
a: {Coffee machine|The coffee machine} is {back|broken again|being cleaned}
+ coffee:5
b: {Best news today|Noooo}
""",
    """
a: /me {stares at the rain|listens to the gulls}
b: At least the boats like it
""",
    """
a: {Two tickets|A spare ticket} for the concert in $city on $day, anybody?
> b: {Me please|Yes!}
> a: Yours
""",
    """
a: ~Monday~ Tuesday feels like Monday
+ joy:4 100:2
""",
    """
a: Has anybody been to $city in {November|winter}? Going there on $weekday
> b: Take a jacket, eat $dish, skip the museum
> c: The museum is fine! The {harbour|old town} is better
""",
)

OFFICE = (
    """
a: Who is in the office on $weekday? {I bring $dish|Thinking of coming in}
+ raised_hands:4
> b: Me
> c: From $time on
""",
    """
a: {The elevator|Heating on the second floor|The projector in Room Porto} is out of order, {technician comes at $time|someone is coming}
> b: {Thanks|Stairs it is}
> a: Works again
""",
    """
a: Parcel for @b at the desk
+ eyes:1
""",
    """
a: Desks by the window are {for everybody|booked} on $weekday, {we have visitors|$customer visits}
> b: {How many people|Do we need the big room}?
> a: {Four|Eight}, big room is booked
""",
)

BOOKS = (
    """
a: Just finished $book. {Slow start, great ending|Could not put it down}
> b: {Borrow it to me|May I have it next}?
> a: It is on your desk
+ books:2
""",
    """
a: Next meeting on $day: $book. {First half|Up to chapter $num(5,14)}
+ +1:3
""",
)

PETS = (
    """
a: $pet {discovered|found} the keyboard
% photo
+ heart:9 dog:3
> b: {Who is a good dog|Hello $pet}!
""",
    """
a: Can anybody look after $pet {over the weekend|from $weekday to $weekday2}? {Eats everything|Very calm}
> b: {With pleasure|We would love to}
+ heart:3
""",
    """
a: $pet {against|versus} the vacuum cleaner, round $num(2,40)
+ joy:6 cat:2
""",
)

FOOTBALL = (
    """
a: {Tuesday at seven|Usual place on Tuesday}, we are {nine|eight|seven}. {Two more|One more}?
+ soccer:5
> b: {In|I'm in}
> c: Knee says no :sweat_smile:
""",
    """
a: 5:{3|4|2} for the blue ones. {Rematch|We want a rematch}
> b: Wind was on your side
+ joy:3
""",
)

PEOPLE = (
    """
a: How many days of {holiday|leave} can I take {over|into} the new year?
> h: {Five days|Up to five}, until the end of March. {More on request|Ask your manager for more}
> a: {Thanks|Perfect}!
""",
    """
a: Where do I find my {contract|payslip|training budget}?
> h: In the people portal under {"Documents"|"My file"}. {If it is missing, write to me|Budget is 1,200 a year}
+ white_check_mark:1
""",
    """
a: Does the $team team still need {a second screen form|wet signatures} for contracts abroad?
> h: No, {since spring|since last year} the portal does all of it
> a: {Lovely|One form less}
""",
    """
a: How does sick leave work on {a business trip|a half day}? First time for me
> h: Call in as usual, the portal has a tick for "half day". A note from a doctor is needed from day four
+ +1:2
""",
    """
a: Is the {language course|conference in $city} covered by the training budget?
> h: Yes, {book it and send the invoice|up to what is left}, your manager gets a note
> a: {Muito obrigado|Great}!
""",
    """
h: The new {handbook|travel policy} is online: <https://wiki.harbourline.example/people/$pr|what changed>
+ eyes:3
> a: Does the {train rule|upgrade rule} apply to existing bookings?
> h: No, only from $day
""",
    """
a: Is $weekday a holiday in {Scotland|Madeira|Greece}? My team is spread
> h: Local holidays count where you live. The calendar "Holidays" has all of them
""",
    """
h: New colleagues start on $day, who volunteers as a buddy?
+ raised_hands:5
> b: Me, for the $team team
""",
)

FINANCE = (
    """
a: My card was declined at {the hotel|an airport|a taxi}. {What now|Help}?
> h: {Limit|Daily limit} was reached, raised it for this week
> a: {Works|Thanks}, paid
""",
    """
a: Which cost centre do the licences of $tool go to?
> h: 4{100|200|300}, and please put the team into the note
""",
    """
h: Reminder: receipts of last month until {Friday|$day}, {otherwise they slip|the books close then}
+ memo:3
> b: What if I lost one?
> h: Fill in the form "missing receipt", {up to 50 euros|once a month}
""",
    """
a: $customer says invoice {2026-|}$pr is wrong by $money
> h: They are right, {VAT|exchange rate}. {Credit note goes out today|New one is on its way}
""",
)

IT = (
    """
a: My laptop {does not wake up|forgets the Wi-Fi} {since the update|since yesterday}
> h: Hold the power button for ten seconds, then {start it again|try}. If not, come by
> a: {Alive again|It lives}, thanks
""",
    """
a: Please can I get access to $tool? {Manager agrees|@c agrees}
> h: {Done|You are in}. Log in {again|with single sign-on}
+ white_check_mark:1
""",
    """
a: Is $tool {slow|down} for {anybody else|others too}?
> b: {Yes|Same here}
> h: Their status page says {degraded|`$error`}. {Nothing we can do|Waiting for them}
> h: Back
""",
    """
h: Phishing mail "{your invoice|urgent: password}" is going round. Do not open, report it with the button
+ warning:6
> b: {Reported|I clicked, sorry}. What now?
> h: {All good|Password is reset, come by for a new one}
""",
)

LEGAL = (
    """
a: May we {show|use} the logo of $customer on the website?
> b: Yes, contract section 9. {Send them the draft first|They want to see it before}
""",
    """
a: New data processing agreement with the provider of $tool is {signed|with legal}
> b: {Thank you|Finally}, {then we can switch it on|updating the register}
""",
    """
a: A passenger asks for all data we have on booking $booking
> b: We have 30 days. @c please export it from $service, I answer
> c: Export is in the folder
+ white_check_mark:1
""",
)

LEADERSHIP = (
    """
a: {Board|Supervisory board} papers are due on $weekday. Missing: {sales forecast|risk list|headcount}
> b: Comes {tonight|tomorrow morning}
""",
    """
a: Candidate for the $team lead {said yes|signed}! Announcement on $day, please keep it here until then
+ tada:3
""",
    """
a: $customer's contract ends in {March|autumn}. Worth $money a month, so I visit them myself
> b: Take the uptime report along
""",
)

RECRUITING = (
    """
a: {Strong|Good} candidate for $hire, {two interviews|first interview} done. {Who takes the technical one|Panel on $weekday}?
> b: I do, $weekday at $time
> a: Booked. Notes into the form, not here please
""",
    """
a: The $hire {declined|took another offer}. Reason: {salary|no remote abroad}
> b: {Pity|A shame}. Number two is almost as good
""",
)

PEOPLE_PRIVATE = (
    """
a: Salary review for the $team team is {done|on my desk}, average {4.1|3.8|5.2} %
> b: Approved
""",
)

SECURITY = (
    """
a: Report from the bug bounty: {open redirect|missing check} in $service. {Low|Medium}, not public before $day
> b: Fix is in a private branch, {review please|ready to go}
> a: Deployed. Reporter gets $money
+ pray:1
""",
    """
a: Rotating the signing key of $service on $weekday. {Nobody should notice|If you notice, tell me}
> b: :+1:
""",
)

DIRECT = (
    """
a: {Hi|Hey}, do you have {five|ten} minutes for {the $component|a question about $feature}?
b: {Sure|Yes}, at $time?
a: {Perfect|Great}
""",
    """
a: Thanks for {helping|the help} with $customer {today|yesterday}
b: {Any time|With pleasure} :slightly_smiling_face:
""",
    """
a: Can you {approve|look at} <https://git.harbourline.example/$service/pull/$pr|#$pr> {before lunch|today}?
b: {Done|Approved}
a: :pray:
""",
    """
a: I am {late|stuck on the ferry}, start without me
b: {No problem|OK}
""",
)

HOUSE_SCENES = {
    "general": GENERAL,
    "news": NEWS,
    "smalltalk": SMALLTALK,
    "office": OFFICE,
    "books": BOOKS,
    "pets": PETS,
    "football": FOOTBALL,
    "people": PEOPLE,
    "finance": FINANCE,
    "it": IT,
    "legal": LEGAL,
    "leadership": LEADERSHIP,
    "recruiting": RECRUITING,
    "people_private": PEOPLE_PRIVATE,
    "security": SECURITY,
    "direct": DIRECT,
}
