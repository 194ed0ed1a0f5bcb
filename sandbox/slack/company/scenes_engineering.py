"""Conversations among the people who build and run the software."""

# ruff: noqa: E501  (a message is one line of its scene)

INCIDENT = (
    """
@pagerbuoy.alert
a: {Looking at this|I'm on it|Taking this one}. @oncall
+ eyes:2
> b: {Started right after the $time deploy|First errors at $time|Only eu-west so far}, {`$error` everywhere|logs are full of `$error`}
> a: {Rolling back|Reverting the last deploy} to be safe
> @deckhand.rollback
> b: Error rate is {going down|falling}. {Give it five minutes|Watching}
>! a: {Resolved|Back to normal}. $service failed with `$error` because the $component {was not ready for|could not handle} {the new schema|an empty answer|two requests at once}. {Fix|Proper fix} in $ticket
+ white_check_mark:3
>> c: $ticket is {done|merged and deployed}, plus an alert on the $component so we see it earlier
""",
    """
a: {Is anybody else seeing|Anyone else seeing} slow answers from $service? p95 is at $ms
> b: Yes, since about $time. {Looks like|Smells like} the $component
> c: {Somebody|The import job} is running a full scan on the replica. {Stopping it|Asking them to stop}
> a: Better already, thanks. {No customer noticed|$customer noticed, I told them}
+ pray:1
""",
    """
@pagerbuoy.alert
a: {False alarm?|Flapping again.} Third time this week
> b: {Threshold is too tight|The alert fires on $count requests}, I would raise it to ten minutes
> a: {Do it|Please do}, nobody should wake up for this
> b: Done, see $ticket
@pagerbuoy.resolved
""",
    """
a: @here $customer {reports trouble|has trouble} with $feature on $route. {Severity two for now|Treating it as severity two}
> b: Reproduced. The request never reaches $service, $service2 answers with `$error`
> c: {That is the certificate|That is the config change from $weekday}. New one is {rolling out|on its way}
> b: Works again for me. {Can support confirm?|@d can you confirm with them?}
> d: Confirmed, {they are happy|all good on their side}
+ tada:2
""",
    """
a: Heads up: disk of the $service database is {at 91 %|nearly full}. Growing {since Friday|since the last release}
> b: The audit table. We never {deleted|rotated} anything there
> a: Dropping partitions older than 180 days {frees|should free} about $count GB
> b: :+1: do it, export is in the bucket
> a: Done. Back at {54 %|61 %}
""",
    """
a: {$customer cannot log in|Logins fail for $customer}. Only their single sign-on, ours is fine
> b: Their certificate {expired at midnight|was replaced}. We still {trust|check} the old one
> a: Who has a contact there?
> c: Me. Calling
> c: They sent the new one, it is in. {Please retry|Can they retry}
> a: Works. Adding an alert {two weeks|a month} before these expire, $ticket
+ bulb:2
""",
    """
@pagerbuoy.alert
a: {Mine|Taking it}. $service, `$error`
> b: Queue length {doubles every minute|is at $count thousand}. The consumer {hangs|restarts in a loop}
> a: One message it cannot read, booking $booking. {Moving it aside|Parking it}
> b: Draining. {Empty in ten minutes|Looks good}
>! a: Over. A booking with an empty name stopped the queue of $service. From now on such messages go to a side queue, $ticket
+ white_check_mark:4
""",
    """
a: Search shows no sailings for $route. {Winter timetable|The new timetable} starts today
> b: The port sent it with {last year's dates|the wrong time zone}. Import rejected it, nobody looked at the report
> a: Corrected by hand for now, and I told the port
>> c: The report now goes to #support as well
""",
)

ONCALL = (
    """
a: Handover: {quiet week|two pages, both real|busy one}. Open: $ticket ($service, `$error`), {watch the disk of the ledger|nothing else}. @b you have the pager
> b: {Got it, thanks|Pager is mine}
+ muscle:1
""",
    """
a: Can anybody take my {$weekday night|weekend}? {Wedding|Concert|Kid's birthday}, I take two of yours
> b: I can
> a: {Lifesaver|Thank you}, changed in Pagerbuoy
+ heart:1
""",
    """
a: The $service alert {woke me at 3|went off twice last night}. {Nothing was wrong|It recovered alone}. Should it page at all?
> b: {Make it a ticket instead|No. Business hours only}, it can wait until morning
> a: Changed. {Runbook says so too|I noted why in the runbook}
""",
    """
a: {Reminder|Friendly reminder}: the runbook of $service still mentions the old $component. Whoever is on call next, please fix it while it is quiet
> b: On my list
>> b: Done, had a look at $service2 too
""",
)

ENGINEERING = (
    """
a: {Question|Does anybody know}: {is there a reason why|why is it that} $service {still uses|has its own} $component?
> b: {History|Historical reasons}. It predates $service2, and nobody dared to touch it
> c: I {tried|started} once, see $ticket. The blocker was {the migration|missing tests}
> a: {Thanks, that helps|Good to know}. I might have another go
""",
    """
a: $library {has a new major version|2026.1 is out}. {Anyone tried it|Has anyone upgraded}?
> b: We did in $service: $minutes minutes, {one deprecation|two broken tests}, {builds are faster|nothing else to report}
> c: Careful, it changes the default timeout to {5 s|none}. We saw `$error` because of it
> a: {Noted|Thanks for the warning} :pray:
""",
    """
a: TIL you can do this
| ```
| kubectl get events --sort-by=.lastTimestamp | tail -n $num(10,40)
| ```
| and stop scrolling
+ bulb:3 fire:1
> b: {Where was this all my life|I have been doing this by hand for two years}
""",
    """
a: I would like to {get rid of|replace} the $component in $service. {Proposal|Short write-up} here: <https://wiki.harbourline.example/rfc/$pr|RFC $pr>. {Comments welcome until $weekday|Please shout if you disagree}
> b: {Like it|Makes sense}. What happens to requests that are in flight?
> a: They finish on the old one, we switch per operator with a flag
> c: {+1|Fine by me}. I would add a metric before, so we can see the difference
> a: Good point, added
~
""",
    """
a: The build of $service takes {14|17|19|21} minutes. {This hurts|Can we do something}?
> b: {Half of it|Nine minutes} is the browser tests. We could run them {nightly|only for checkout}
> c: Or cache the $library layer, it is {rebuilt every time|never hit}
> a: Trying the cache first. {Will report|More on $weekday}
>> a: {6|7|8} minutes now :rocket:
+ tada:4
""",
    """
a: Flaky test of the week: `test_$commit` in $service fails about {one in ten|once a day}
> b: It depends on the {time zone|order of the rows}. {Mine, sorry|I wrote that}. Fixing
> b: Fixed in <https://git.harbourline.example/$service/pull/$pr|#$pr>
+ white_check_mark:2
""",
    """
@owl.standup
> a: I can help with the $component after {lunch|our planning}
""",
    """
a: {Small win|Good news}: $service now starts in {2|3|4} seconds instead of $num(20,60). It was {reading all fares at boot|waiting for a host that no longer exists}
+ tada:3 rocket:2
> b: {Beautiful|So that was it}
""",
    """
a: {Who owns|Who knows} the $component these days?
> b: Officially the $team team
> c: In practice @d
> d: {Guilty|Yes, that is me}. What is up?
> a: $customer wants to know whether it supports $feature
> d: It does {since version $version|behind a flag}. {I can switch it on for them|Tell them yes}
""",
    """
a: Reminder: tech talk on $weekday at $time, @b on "what we learned from moving the $component"
| &gt; Bring questions, there will be $dish
+ eyes:3
> c: Will it be recorded?
> b: {Yes|It will}
""",
)

DECISION = (
    """
a: *Proposal:* {move|split} the $component out of $service. {Load tests|Measurements} say $pct of its time goes there
> b: What do we {gain|lose} operationally? One more thing to run
> a: It scales alone, and a crash no longer takes $service down
> c: I am {for it|not sure}, if the team that owns it {has the time|is named first}
>! a: *Decided:* {we do it next quarter|we wait until the summer timetable is out}. {Notes|Reasons} are in <https://wiki.harbourline.example/adr/$pr|ADR $pr>
+ +1:3
""",
    """
a: How do we version the partner API? {Header|URL} or {date|number}?
> b: A date in the header. It is what {most partners know|we do for webhooks}
> c: Agree. And we keep a version alive for {12|18} months
> a: {Written down|Recorded} as ADR $pr
""",
    """
a: Should $service cache $feature itself or ask $service2 every time?
> b: {Ask|Always ask}. Stale $feature costs us {refunds|trust}, a call costs $num(3,20) ms
> a: {Convinced|Fair}. {Closing this|ADR follows}
""",
)

REVIEW = (
    """
@forge.pull_request
a: {Would love a second pair of eyes on|Can somebody look at} this one? {Small|Mostly tests|The interesting part is the $component}
> b: {Looking|On it|After lunch}
> b: Two {small comments|questions}, otherwise :+1:. Why does `refresh()` never give up?
> a: {Good catch|Ouch}, it should. Fixed
> b: Approved :rocket:
+ pray:1
""",
    """
a: <https://git.harbourline.example/$service/pull/$pr|#$pr> fixes the `$error` in $service. {Three lines|One line}, {please|pretty please}
> b: {Approved|LGTM}
""",
    """
@forge.pull_request
> a: {Blocking comment|One thing}: the migration locks the table. Can we add the column first and fill it {later|in batches}?
> b: {You are right|True}. Split into two, <https://git.harbourline.example/$service/pull/$pr|#$pr> is the first
~
> a: :+1:
""",
    """
@deckhand.build_failed
a: {Mine|Sorry, mine}. {Forgot a file|A rename}
> b: {No worries|Happens}
""",
    """
a: {$count open pull requests|We have $count pull requests} older than a week. Review hour {today|on $weekday} at $time?
+ raised_hands:3
> b: {In|I'm in}
> c: I take the ones of $service
""",
)

DEPLOY = (
    """
@deckhand.deploy
""",
    """
@deckhand.deploy
> a: {Watching|Keeping an eye on} the dashboards
""",
    """
@deckhand.build_failed
> a: {Retrying|Looking}. {The runner had no disk|Network hiccup}
""",
    """
@deckhand.deploy
@deckhand.rollback
> a: Rolled back because of `$error`, {looking into it|details in #incidents}
""",
    """
@status.operational
""",
    """
a: Deploying $service $version {by hand|with the new pipeline}, please hold yours for $minutes minutes
+ eyes:2
a: Done, {go ahead|all yours}
""",
)

PAYMENTS = (
    """
a: {Reconciliation|The nightly reconciliation} is off by $money for $customer
> b: That is the {refund|chargeback} of booking $booking, it {arrived after midnight|was booked twice in the report}
> a: {Matches|Now it adds up}. {Closing $ticket|Thanks}
""",
    """
a: The card provider {announces|plans} maintenance on $weekday night. {Do we switch to|Should we use} the second acquirer?
> b: Yes, at $time. I {prepared the flag|have a change ready}
> a: Put it into the calendar please, and tell #support
""",
    """
a: Declines for $customer went up by $pct. {Any idea|Did we change something}?
> b: Their bank {asks for 3-D Secure|switched processors} since Monday. {Not us|Nothing on our side}
> a: I will tell {them|@c} before they ask
""",
)

PLATFORM = (
    """
a: Cloud bill is {down|up} by $pct this month. {Biggest part|Mostly}: {log storage|idle test clusters}
> b: {Nice|Ouch}. Retention to 30 days and we save another $money
> a: {Opened $ticket|Doing it}
""",
    """
a: Upgrading the {staging|production} cluster on $weekday at $time. Expect {short reconnects|one restart per pod}
+ +1:3
> b: Is $service ready for it? It had `$error` last time
> a: {Fixed|Tested} in staging twice
>> a: Done, no pages
+ tada:3
""",
    """
a: Anybody using the old $library runners? I want to switch them off on $weekday
> b: $service does, give me until $weekday2
> a: {Fine|No hurry}
""",
)

MOBILE = (
    """
a: App $version is {in review|approved} :rocket: {Rollout starts with $pct|Staged rollout from tomorrow}
> b: Crash rate of the last one {was 0.2 %|is stable}
> a: {Good|Will keep watching it}
""",
    """
a: On {older phones|tablets} the boarding pass is cut off at the bottom
% screenshot
> b: The $component ignores the font size. {Fix is easy|Taking it}
> b: <https://git.harbourline.example/mobile/pull/$pr|#$pr>
+ pray:1
""",
    """
a: Push messages for $customer arrive {late|twice} since $version
> b: {Known|That is} $ticket: $service {retries too early|sends before the commit}
> a: Thanks, I will tell support
""",
)

DATA = (
    """
a: Dashboard question: why does {revenue|the number of bookings} on "Operators" differ from finance's?
> b: Ours counts by {travel|booking} date, theirs by invoice date. {The footnote says so|I will add a footnote}
> a: {That explains it|Ah}. Thanks
""",
    """
a: The nightly load of $service {failed|is late}. `$error` at $time
> b: {Restarted|Running again}, numbers will be complete by {10:00|noon}
> c: Third time this {week|month}, $ticket
>> b: {Solved for good|Fixed at the root}: the $component {sent|wrote} half a file
""",
    """
a: Bookings by week for the board, {please check|can somebody check} row 12 before I send it
% bookings
> b: {Looks right|Correct}. Row 12 is the storm week
""",
    """
a: Question from product: how many passengers use $feature on $route?
> b: $pct of bookings, {up from last year|flat since spring}
> a: {Perfect|Great}, thank you
""",
)

ENGINEERING_SCENES = {
    "incident": INCIDENT,
    "oncall": ONCALL,
    "engineering": ENGINEERING,
    "decision": DECISION,
    "review": REVIEW,
    "deploy": DEPLOY,
    "payments": PAYMENTS,
    "platform": PLATFORM,
    "mobile": MOBILE,
    "data": DATA,
}
