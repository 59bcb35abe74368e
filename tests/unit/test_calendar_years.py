import datetime as dt

import pytest

from openyard_calendars.day_kinds import BadNotice, DayKind
from openyard_infra import calendar_years


def written(tmp_path, text: str):
    file = tmp_path / "notice.csv"
    file.write_text(text, "utf-8")
    return file


def test_a_notice_is_read_with_the_names_of_its_days(tmp_path):
    file = written(
        tmp_path, "date,kind,name\n2027-01-01,holiday,元旦\n2027-01-03,adjusted_workday,元旦\n"
    )

    notice = calendar_years.read(file)

    assert (notice.year, len(notice.kinds)) == (2027, 365)
    assert notice.kinds[dt.date(2027, 1, 3)] is DayKind.ADJUSTED_WORKDAY
    assert notice.names[dt.date(2027, 1, 1)] == "元旦"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The first line names the columns"),
        ("day,what\n", "The first line names the columns"),
        ("date,kind\n2027-01-32,holiday\n", "line 2: '2027-01-32' is no date"),
        ("date,kind\n2027-01-01,feast\n", "line 2: the kind is holiday or adjusted_workday"),
        ("date,kind\n2027-01-01\n", "line 2: the kind is"),
        ("date,kind\n2027-01-03,adjusted_workday\n", "no holiday"),
        ("date,kind\n2027-01-01,holiday\n2028-01-01,holiday\n", "2028-01-01 is not in 2027"),
    ],
)
def test_a_notice_that_says_nothing_is_refused(tmp_path, text, said):
    with pytest.raises(BadNotice, match=said):
        calendar_years.read(written(tmp_path, text))
