#include "base/http_time.h"

#include <gtest/gtest.h>

#include <string_view>

namespace zyphos {
namespace {

std::string_view text_of(const HttpTime& time) { return {time.data(), time.size()}; }

TEST(HttpTimes, AreWrittenAsImfFixdate) {
  EXPECT_EQ(text_of(http_time(784'111'777)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text_of(http_time(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(text_of(http_time(-1)), "Wed, 31 Dec 1969 23:59:59 GMT");
  EXPECT_EQ(text_of(http_time(253'402'300'799)), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(text_of(http_time(INT64_MAX)), "Fri, 31 Dec 9999 23:59:59 GMT");
}

// RFC 9110, 5.6.7 has these three for the same second.
TEST(HttpTimes, AreReadInAllThreeForms) {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_http_time(text, 1'700'000'000), 784'111'777) << text;
  }
  for (const std::int64_t time : {0L, 951'782'400L, 1'700'000'000L, 4'102'444'799L}) {
    EXPECT_EQ(parse_http_time(text_of(http_time(time)), 0), time);
  }
}

TEST(HttpTimes, OfTwoDigitsAreAtMostFiftyYearsAhead) {
  const std::int64_t in_2023 = 1'700'000'000;
  EXPECT_EQ(parse_http_time("Saturday, 01-Jan-00 00:00:00 GMT", in_2023), 946'684'800);
  EXPECT_EQ(text_of(http_time(*parse_http_time("Sunday, 01-Jan-73 00:00:00 GMT", in_2023))),
            "Sun, 01 Jan 2073 00:00:00 GMT");
  EXPECT_EQ(text_of(http_time(*parse_http_time("Tuesday, 01-Jan-74 00:00:00 GMT", in_2023))),
            "Tue, 01 Jan 1974 00:00:00 GMT");
}

TEST(HttpTimes, ThatAreNoneAreNotRead) {
  for (const char* text :
       {"", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun Nov 06 08:49:37 94", "Sun Nov x6 08:49:37 1994",
        ", 06 Nov 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT", "784111777"}) {
    EXPECT_EQ(parse_http_time(text, 1'700'000'000), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace zyphos
