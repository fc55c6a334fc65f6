#include "tool/words.h"

#include <gtest/gtest.h>

namespace zyphos {
namespace {

struct Example {
  Words words;
  unsigned threads = 1;
  bool corked = false;
  double rate = 0.0;
  std::vector<int> cpus;
  std::string header;
  SocketOptions socket;

  Example() {
    words.number("threads", "loops", threads, 1U);
    words.flag("corked", "", corked);
    words.real("rate_per_second", "", rate, 0.0);
    words.list("cpus", "", cpus);
    words.add_family("header.", "", [this](std::string_view name, std::string_view value) {
      header = std::string(name) + ": " + std::string(value);
      return Words::Result{};
    });
    words.socket(socket, SocketRole::dialing);
  }
  std::string error(std::string_view word) {
    const auto result = words.apply(word);
    return result ? "" : result.error();
  }
};

TEST(Words, SetsEveryKind) {
  Example e;
  EXPECT_EQ(e.error("threads=3"), "");
  EXPECT_EQ(e.error("corked=true"), "");
  EXPECT_EQ(e.error("rate_per_second=1e3"), "");
  EXPECT_EQ(e.error("cpus=0,2"), "");
  EXPECT_EQ(e.error("header.X-A=b=c"), "");
  EXPECT_EQ(e.error("socket.tcp_nodelay=true"), "");
  EXPECT_EQ(e.threads, 3U);
  EXPECT_TRUE(e.corked);
  EXPECT_EQ(e.rate, 1000.0);
  EXPECT_EQ(e.cpus, (std::vector{0, 2}));
  EXPECT_EQ(e.header, "X-A: b=c");
  EXPECT_EQ(e.socket.tcp_nodelay, true);
}

TEST(Words, SaysWhatWasMeant) {
  Example e;
  EXPECT_EQ(e.error("thread=3"), "unknown option 'thread'; did you mean 'threads'?");
  EXPECT_EQ(e.error("socket.tcp_nodleay=true"),
            "unknown option 'socket.tcp_nodleay'; did you mean 'socket.tcp_nodelay'?");
  EXPECT_EQ(e.error("xyzzy=3"), "unknown option 'xyzzy'");
  EXPECT_EQ(e.error("--help"), "'--help' is not key=value");
}

TEST(Words, RefusesWrongValues) {
  Example e;
  EXPECT_EQ(e.error("threads=0"), "threads=0: must be a whole number, 1 or more");
  EXPECT_EQ(e.error("threads=99999999999"),
            "threads=99999999999: must be a whole number, 1 or more");
  EXPECT_EQ(e.error("corked=yes"), "corked=yes: must be true or false");
  EXPECT_EQ(e.error("rate_per_second=0"), "rate_per_second=0: must be a number above 0");
  EXPECT_EQ(e.error("rate_per_second=nan"), "rate_per_second=nan: must be a number above 0");
  EXPECT_NE(e.error("cpus=0,x"), "");
  EXPECT_EQ(e.threads, 1U);
}

TEST(EditDistance, CountsChanges) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", "abc"), 0U);
  EXPECT_EQ(edit_distance("abc", "acb"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

}  // namespace
}  // namespace zyphos
