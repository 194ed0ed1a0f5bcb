"""New text, quotes and signatures, in plain text and in HTML."""

import pytest

from exporters.gmail.markup import split_html
from exporters.gmail.quoting import Split, is_forward, is_reply, split_plain


def test_answers_between_quotes_are_new_text_in_their_order() -> None:
    text = (
        "On Mon, 23 Sep 2019 13:46:30 +0200\nThomas <t@x.example> wrote:\n\n> one?\n\nFirst.\n\n"
        "> two?\n>> older\nSecond.\n"
    )
    split = split_plain(text)
    assert split.new == "First.\n\nSecond."
    assert split.quoted.startswith("On Mon, 23 Sep 2019")
    assert "> one?" in split.quoted
    assert ">> older" in split.quoted


@pytest.mark.parametrize(
    "introduction",
    [
        "On Mon, Nov 16, 2026 at 9:00 AM Ada <a@x.example> wrote:",
        "Am 16.11.2026 um 09:00 schrieb Ada <a@x.example>:",
        "Le lun. 16 nov. 2026 à 09:00, Ada <a@x.example> a écrit :",
        "El lun, 16 nov 2026 a las 9:00, Ada escribió:",
        "Il giorno lun 16 nov 2026 alle ore 09:00 Ada ha scritto:",
        "Den mån 16 nov. 2026 kl 09:00 skrev Ada <a@x.example>:",
        "Ada Byron <a@x.example> writes:",
    ],
)
def test_introductions_of_many_languages_go_with_their_quote(introduction: str) -> None:
    split = split_plain(f"Yes.\n\n{introduction}\n\n> When?\n")
    assert split.new == "Yes."
    assert split.quoted == f"{introduction}\n\n> When?"


@pytest.mark.parametrize(
    "tail",
    [
        "From: Ada <a@x.example>\nSent: Monday, November 16, 2026 9:00\nTo: Bob\nSubject: Ferry",
        "Von: Ada <a@x.example>\nGesendet: Montag, 16. November 2026\nAn: Bob\nBetreff: Ferry",
        "-----Original Message-----\nFrom: Ada",
        "-----Ursprüngliche Nachricht-----\nVon: Ada",
        "________________________________\nFrom: Ada\nSent: Monday\nTo: Bob",
        "On Mon, Nov 16, 2026 at 9:00 AM Ada <a@x.example> wrote:",
    ],
)
def test_what_follows_an_introduction_without_marks_is_quoted_to_the_end(tail: str) -> None:
    split = split_plain(f"Yes.\n\n{tail}\n\nWhen does it leave?\n")
    assert split.new == "Yes."
    assert split.quoted.endswith("When does it leave?")


def test_the_text_of_a_forward_is_content() -> None:
    forwarded = "FYI\n\n---------- Forwarded message ---------\nFrom: Ada\nTo: Bob\n\nAt nine.\n"
    assert split_plain(forwarded).new.endswith("At nine.")
    outlook = "FYI\n\nFrom: Ada\nSent: Monday\nTo: Bob\n\nAt nine.\n"
    assert split_plain(outlook, forward=True).new.endswith("At nine.")
    assert split_plain(outlook).new == "FYI"


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("Yes.\n\n-- \nAda\nHead of Ferries", "Ada\nHead of Ferries"),
        ("Ja.\n\nMit freundlichen Grüßen\nAda", "Mit freundlichen Grüßen\nAda"),
        ("Yes.\n\nBest regards,\nAda", "Best regards,\nAda"),
        ("Yes.\n\nSent from my iPhone", "Sent from my iPhone"),
        (
            "Yes.\n_______________________________________________\nferries mailing list",
            "ferries mailing list",
        ),
    ],
)
def test_signatures_are_kept_apart(text: str, signature: str) -> None:
    split = split_plain(text)
    assert split.signature == signature
    assert split.new in {"Yes.", "Ja."}


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, that fixed it. The next question is about trams.\nWho drives them?",
        "a - b\n- one\n- two",
        "diff --git a/x b/x\n--- a/x\n+++ b/x\n    indented",
        "-- \nonly a signature",
        "He said: use From: and To: headers.",
        "The box says:\n\n  careful",
    ],
)
def test_what_only_resembles_a_quote_or_a_signature_stays(text: str) -> None:
    assert split_plain(text) == Split(new=text.replace("-- \n", "--\n"))


def test_indentation_is_kept() -> None:
    assert split_plain("Look:\n\n    if x:\n        y()\n").new == "Look:\n\n    if x:\n        y()"


def test_splitting_once_more_changes_nothing() -> None:
    once = split_plain("Yes.\n\nOn Mon Ada <a@x.example> wrote:\n> When?\n\n-- \nAda").new
    assert split_plain(once) == Split(new=once)


GMAIL = (
    '<div dir="ltr">Yes, <b>Monday</b>.<div class="gmail_signature">Bob</div></div><br>'
    '<div class="gmail_quote"><div class="gmail_attr">On Mon Ada &lt;a@x.example&gt; wrote:</div>'
    '<blockquote class="gmail_quote">When?</blockquote></div>'
)
OUTLOOK_WEB = (
    '<div>Yes, <b>Monday</b>.</div><div id="appendonsend"></div><hr>'
    '<div id="divRplyFwdMsg"><b>From:</b> Ada<br><b>Sent:</b> Monday</div><div>When?</div>'
)
OUTLOOK = (
    "<div class=WordSection1><p>Yes, <b>Monday</b>.</p><div>"
    '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p><b>From:</b> Ada &lt;a@x.example'
    "&gt;<br><b>Sent:</b> Monday<br><b>To:</b> Bob<br><b>Subject:</b> Ferry</p></div></div>"
    "<p>When?</p></div>"
)
APPLE = '<p>Yes, <b>Monday</b>.</p><blockquote type="cite"><div>When?</div></blockquote>'
THUNDERBIRD = (
    '<p>Yes, <b>Monday</b>.</p><div class="moz-cite-prefix">On 16.11.26, Ada wrote:</div>'
    '<blockquote type="cite">When?</blockquote><div class="moz-signature">Bob</div>'
)
UNKNOWN = (
    "<p>Yes, <b>Monday</b>.</p><p>On Mon, Nov 16, 2026, Ada &lt;a@x.example&gt; wrote:</p>"
    "<blockquote>When?</blockquote>"
)


@pytest.mark.parametrize("html", [GMAIL, OUTLOOK_WEB, OUTLOOK, APPLE, THUNDERBIRD, UNKNOWN])
def test_the_quotes_of_each_mail_program_are_cut(html: str) -> None:
    split = split_html(html)
    assert split.new == "Yes, **Monday**."
    assert "When?" in split.quoted


def test_a_forward_in_html_is_content() -> None:
    html = (
        '<p>FYI</p><div class="gmail_quote"><div class="gmail_attr">---------- Forwarded message '
        "---------<br>From: Ada<br></div><p>At nine.</p></div>"
    )
    split = split_html(html)
    assert split.new.startswith("FYI")
    assert split.new.endswith("At nine.")
    assert split_html(OUTLOOK_WEB, forward=True).new.endswith("When?")


def test_a_quotation_that_the_sender_set_stays() -> None:
    assert split_html("<p>A poem:</p><blockquote>Roses</blockquote>").new == "A poem:\n> Roses"


def test_what_nobody_sees_is_left_out() -> None:
    html = (
        "<html><head><style>p{}</style><title>T</title></head><body>"
        '<div style="display:none">Preheader &#847; &zwnj; &#847;</div><p>Words</p>'
        "<script>evil()</script><img src='https://t.example/o.gif' width='1' height='1' alt=''>"
        "<img src='cid:logo' alt='Acme logo'>"
        f"<a href='https://t.example/{'x' * 500}'>offer</a> <a href='https://x.example'>site</a>"
        "</body></html>"
    )
    assert split_html(html).new == "Words\n\nAcme logooffer [site](https://x.example)"


def test_tables_for_looks_do_not_tear_a_text_apart() -> None:
    html = (
        "<table role=presentation><tr><td><table><tr><td>Dear Bob,</td></tr><tr><td>the ferry"
        "</td></tr></table></td></tr></table>"
    )
    assert split_html(html).new == "Dear Bob,\n\nthe ferry"
    alone = "<table width=600><tr><td><h1>Forms</h1></td></tr><tr><td>of today</td></tr></table>"
    assert split_html(alone).new == "# Forms\n\nof today"
    data = "<table><tr><th>Pier</th><th>Time</th></tr><tr><td>2</td><td>9:00</td></tr></table>"
    assert split_html(data).new.startswith("| Pier | Time |")


@pytest.mark.parametrize(
    ("subject", "forward", "reply"),
    [
        ("Fwd: Ferry", True, False),
        ("WG: Fähre", True, False),
        ("AW: Fähre", False, True),
        ("Re[2]: Ferry", False, True),
        ("RE: Ferry", False, True),
        ("Ferry: at nine", False, False),
        ("Rest of it: nothing", False, False),
    ],
)
def test_subjects_tell_forwards_and_answers(subject: str, forward: bool, reply: bool) -> None:
    assert (is_forward(subject), is_reply(subject)) == (forward, reply)


def test_a_signature_above_the_quote_is_kept_apart_too() -> None:
    mail = (
        "Please send me the bookings.\n\n--\nCatarina Xavier\nHead of support | Harbourline\n\n"
        "On Thu, Nov 19, 2026 at 1:56 PM Joana <joana@northsound.example> wrote:\n"
        "> Since Monday some of our passengers are charged twice.\n"
    )
    split = split_plain(mail)
    assert split.new == "Please send me the bookings."
    assert split.signature == "Catarina Xavier\nHead of support | Harbourline"
    assert split.quoted.startswith("On Thu, Nov 19")


def test_an_answer_between_quotes_is_no_signature() -> None:
    mail = (
        "See below.\n--\nCatarina\n\nOn Thu, Nov 19, 2026 at 1:56 PM Joana <j@n.example> wrote:\n"
        "> How many?\n214 of them.\n> Since when?\nMonday.\n"
    )
    split = split_plain(mail)
    assert "214 of them." in split.new
    assert "Monday." in split.new
