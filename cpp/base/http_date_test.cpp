#include "base/http_date.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace zyphos {
namespace {

std::string line(const HttpDate& date) {
  std::array<std::byte, HttpDate::kCopied_bytes> to{};
  const std::size_t size = date.copy_to(to.data());
  return {reinterpret_cast<const char*>(to.data()), size};
}

TEST(HttpDate, NothingBeforeTheFirstSet) { EXPECT_EQ(line(HttpDate{}), ""); }

TEST(HttpDate, IsAnImfFixdate) {
  HttpDate date;
  date.set(784111777);  // RFC 9110's own example
  EXPECT_EQ(line(date), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  date.set(951782400);
  EXPECT_EQ(line(date), "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n");
  date.set(0);
  EXPECT_EQ(line(date), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n");
  date.set(253402300799);
  EXPECT_EQ(line(date), "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n");
}

TEST(HttpDate, ReadersNeverSeeHalfAChange) {
  HttpDate date;
  constexpr std::int64_t kOld = 784111777;
  constexpr std::int64_t kNew = 951782400;
  date.set(kOld);
  const std::string before = line(date);
  date.set(kNew);
  const std::string after = line(date);
  std::jthread writer([&] {
    for (int i = 0; i < 20'000; ++i) date.set(i % 2 == 0 ? kOld : kNew);
  });
  for (int i = 0; i < 20'000; ++i) {
    const std::string now = line(date);
    ASSERT_TRUE(now == before || now == after) << now;
  }
}

}  // namespace
}  // namespace zyphos
