# class: idiom
# about: Dates, times and calendars
# case: ["2024-02-28\n", "2024-02-29 Thursday 366"]
import calendar
import time
from datetime import date, datetime, timedelta

day = datetime.strptime(input(), "%Y-%m-%d").date() + timedelta(days=1)
print(day, day.strftime("%A"), (date(2025, 1, 1) - date(2024, 1, 1)).days)
assert calendar.isleap(2024) and time.perf_counter() >= 0 and time.process_time() >= 0 and datetime.now() is not None
