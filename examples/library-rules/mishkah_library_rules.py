"""A library's rules: no copy is lent twice, and a card's number may be in Arabic digits."""

from mishkah import Invalid, hookimpl


@hookimpl
def register_validators(module):
    return {"loan": [has_a_copy_left]} if module == "library" else {}


@hookimpl
def register_sequence_formats():
    return {"library.card": lambda rule, branch: ArabicDigits()}


def has_a_copy_left(new, old, view):
    out = sum(1 for _ in view.find("loan", book_id=new["book_id"], status="out"))
    if new["status"] == "out" and out > view.get("book", new["book_id"])["copies"]:
        raise Invalid("Every copy is out", field="book_id", ar="كل النسخ معارة")


class ArabicDigits:
    shows = "never"

    def format(self, number, period):
        return f"{number:04d}".translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))

    def parse(self, text):
        is_one = text.isdecimal() and self.format(int(text), "") == text
        return (int(text), "") if is_one else None
