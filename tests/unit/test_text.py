import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from icalendar.parser import rfc_6868_unescape

from openyard_calendars import text


@given(st.text())
@example("a\\nb \\, \\; c\\")
@example("C:\\New")
def test_what_is_escaped_comes_back_clean_and_otherwise_unchanged(value):
    assert text.unescape(text.escape(value)) == text.clean(value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_text_without_control_characters_is_clean_already(value):
    assert text.clean(value) == value


@given(st.text())
def test_clean_text_has_no_control_character_but_line_breaks(value):
    cleaned = text.clean(value)

    assert cleaned.splitlines() == cleaned.removesuffix("\n").split("\n") or not cleaned
    assert not any((ch < " " and ch != "\n") or "\x7f" <= ch <= "\x9f" for ch in cleaned)


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_every_way_to_end_a_line_is_one_line_break(ending):
    assert text.clean(f"a{ending}b") == "a\nb"


def test_a_tab_is_a_space():
    assert text.clean("a\tb") == "a b"


@given(st.text())
def test_lines_are_at_most_75_octets_and_unfold_to_what_they_were(value):
    content = f"SUMMARY:{text.escape(value)}"

    folded = text.line(content)

    assert folded.endswith(b"\r\n")
    pieces = folded.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(piece) <= 75 for piece in pieces)
    assert all(piece.startswith(b" ") for piece in pieces[1:])
    assert folded.replace(b"\r\n ", b"").decode() == content + "\r\n"


@given(st.text(st.sampled_from("中a\\;,\n😀"), min_size=60))
def test_no_fold_stands_inside_a_character_or_an_escape(value):
    for piece in text.line(text.escape(value)).removesuffix(b"\r\n").split(b"\r\n "):
        kept = piece.decode()
        assert (len(kept) - len(kept.rstrip("\\"))) % 2 == 0


def test_a_line_of_75_octets_is_not_folded():
    assert text.line("x" * 75) == b"x" * 75 + b"\r\n"
    assert text.line("x" * 76) == b"x" * 75 + b"\r\n x\r\n"


@given(st.text())
def test_a_uri_holds_only_what_may_stand_in_one(value):
    encoded = text.uri(f"https://openyard.example/{value}")

    assert encoded.isascii()
    assert not set(encoded) & set(' "<>\\^`{|}\r\n\t\x7f')


def test_a_uri_that_is_one_already_stays_as_it_is():
    address = "https://openyard.example/slots/0198?from=2026-01-01&q=%E4%B8%AD#top"

    assert text.uri(address) == address


@given(st.text())
def test_a_parameter_is_one_quoted_piece_that_says_what_was_meant(value):
    quoted = text.parameter(value)

    assert quoted[0] == quoted[-1] == '"'
    assert not set(quoted[1:-1]) & set('"\r\n')
    assert rfc_6868_unescape(quoted[1:-1]) == text.clean(value)
