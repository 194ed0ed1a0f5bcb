"""What stands in the files that everyday mail carries."""

from sandbox.gmail.company.files import Attachment, document
from sandbox.gmail.company.words import Words


def paper(name: str, words: Words) -> Attachment:
    """A file with something in it that fits its name and the conversation."""
    ending = name.rpartition(".")[2]
    if ending in ("xlsx", "csv"):
        return document(name, _table(name, words))
    title = name.rpartition(".")[0].rpartition("-")[0].replace("-", " ").title()
    lines = [
        title,
        "",
        words.fill("For: $customer"),
        words.fill("Route: $route"),
        words.fill("Subject: $feature, $component"),
        words.fill("Amount: $money, due within $minutes days"),
    ]
    lines += [
        words.fill(f"{number}. $count{number} passengers, $pct{number} more than before")
        for number in (1, 2)
    ]
    return document(name, lines)


def _table(name: str, words: Words) -> list[str]:
    random = words.random
    if name.startswith("timetable"):
        rows = ["day;departure;arrival;route"]
        rows += [
            words.fill(
                f"{day};{random.randint(6, 11):02d}:40;{random.randint(12, 20):02d}:10;$route"
            )
            for day in ("Monday", "Wednesday", "Friday", "Sunday")
        ]
        return rows
    if name.startswith("questionnaire"):
        questions = ("Where is data stored?", "How long is it kept?", "Who has access?")
        answers = ("In the EU", "30 days after the trip", "The on-call team")
        if "answers" not in name:
            answers = ("", "", "")
        return ["question;answer", *(";".join(row) for row in zip(questions, answers, strict=True))]
    rows = ["month;item;count;amount_eur"]
    return rows + [
        words.fill(f"{month};$feature;{random.randint(3, 900)};{random.randint(100, 90_000)}")
        for month in ("July", "August", "September")
    ]
