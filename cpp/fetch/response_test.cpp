#include "fetch/response.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace zyphos::fetch {
namespace {

// Gives the reader all of `text`, `piece` bytes at a time; what it said first that was not ok.
Errc feed(ResponseReader& reader, std::string_view text, std::size_t piece) {
  while (!text.empty()) {
    const std::size_t size = std::min({piece, text.size(), reader.room().size()});
    std::ranges::copy(as_bytes(text.substr(0, size)), reader.room().begin());
    text.remove_prefix(size);
    if (const Errc error = reader.came(size); error != Errc::ok) return error;
  }
  return Errc::ok;
}

constexpr std::string_view kLength = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
constexpr std::string_view kContinued = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";

TEST(Response, ItsPiecesDoNotMatter) {
  ResponseReader reader;
  const std::string continued = std::string(kContinued) + std::string(kLength);
  for (const std::string_view text : {kLength, kChunked, std::string_view(continued)}) {
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      reader.reset();
      ASSERT_EQ(feed(reader, text.substr(0, text.size() - 1), piece), Errc::ok) << piece;
      EXPECT_FALSE(reader.done());
      ASSERT_EQ(feed(reader, text.substr(text.size() - 1), piece), Errc::ok) << piece;
      EXPECT_TRUE(reader.done());
      EXPECT_EQ(reader.body_bytes(), 5U);
      EXPECT_EQ(reader.status(), text == kChunked ? 404 : 200);
      EXPECT_FALSE(reader.closes());
    }
  }
}

TEST(Response, ABodyLargerThanTheBufferIsCounted) {
  constexpr std::size_t kBytes = 300'000;
  const std::string text = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBytes) +
                           "\r\n\r\n" + std::string(kBytes, 'x');
  ResponseReader reader;
  EXPECT_EQ(feed(reader, text, 50'000), Errc::ok);
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.body_bytes(), kBytes);
}

TEST(Response, TheEndOfTheConnectionMayBeThatOfTheBody) {
  ResponseReader reader;
  EXPECT_EQ(feed(reader, "HTTP/1.0 200 OK\r\n\r\nabc", 4), Errc::ok);
  EXPECT_FALSE(reader.done());
  EXPECT_EQ(reader.finished(), Errc::ok);
  EXPECT_TRUE(reader.done());
  EXPECT_TRUE(reader.closes());
  EXPECT_EQ(reader.body_bytes(), 3U);
}

TEST(Response, WhatIsNoneOrNotAllOfOne) {
  ResponseReader reader;
  EXPECT_EQ(feed(reader, "SSH-2.0-OpenSSH\r\n", 1), Errc::bad_status_line);
  reader.reset();
  EXPECT_EQ(feed(reader, std::string(kLength) + "x", 1), Errc::unexpected_data);
  reader.reset();
  EXPECT_EQ(feed(reader, kLength.substr(0, 42), 7), Errc::ok);
  EXPECT_EQ(reader.finished(), Errc::truncated);
  reader.reset();
  EXPECT_EQ(reader.finished(), Errc::truncated);
  reader.reset();
  EXPECT_EQ(feed(reader, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz", 9),
            Errc::bad_chunk);
  reader.reset();
  EXPECT_EQ(feed(reader, "HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a'), 9'000),
            Errc::head_too_large);
}

}  // namespace
}  // namespace zyphos::fetch
