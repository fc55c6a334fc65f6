#include "app/web/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace zyphos::web {
namespace {

// A folder of its own for each test.
class Logs : public testing::Test {
 protected:
  Logs() : folder_("/tmp/zyphos-log-XXXXXX") {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    file_ = folder_ + "/log";
  }
  ~Logs() override { std::filesystem::remove_all(folder_); }

  static bool write(Log& log, std::string_view line) {
    const std::array<std::string_view, 1> parts{line};
    return log.write(parts);
  }
  std::vector<std::string> lines() const {
    std::ifstream file(file_);
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);) found.push_back(line);
    return found;
  }

  std::string folder_;
  std::string file_;
};

TEST_F(Logs, HaveEveryLineOfEveryThreadWholeAndInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kLines = 5000;
  std::uint64_t lost = 0;
  std::array<int, kThreads> refused{};
  {
    Log log(file_, 1024);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kLines; ++i) {
          refused[static_cast<std::size_t>(t)] +=
              write(log, std::to_string(t) + " " + std::to_string(i)) ? 0 : 1;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    lost = log.lost();
  }
  std::array<int, kThreads> last{-1, -1, -1, -1};
  for (const std::string& line : lines()) {
    std::istringstream words(line);
    int thread = -1;
    int number = -1;
    ASSERT_TRUE(words >> thread >> number) << line;
    EXPECT_GT(number, last.at(static_cast<std::size_t>(thread)));
    last.at(static_cast<std::size_t>(thread)) = number;
  }
  EXPECT_EQ(lines().size() + lost, kThreads * kLines);
  std::uint64_t all_refused = 0;
  for (const int some : refused) all_refused += static_cast<std::uint64_t>(some);
  EXPECT_EQ(lost, all_refused);
}

// The reader of a pipe that does not read: the writer waits, and nobody else does.
TEST_F(Logs, LoseLinesAndCountThemWhenTheWriterIsStuck) {
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  const int reader = ::open(file_.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const std::string line(900, 'x');
  std::uint64_t written = 0;
  std::uint64_t lost = 0;
  std::size_t came = 0;
  std::thread late;
  {
    Log log(file_, 8);
    while (log.lost() == 0) {
      if (write(log, line)) ++written;
    }
    lost = log.lost();
    late = std::thread([&] {
      ::fcntl(reader, F_SETFL, 0);
      std::array<char, 4096> bytes;
      for (ssize_t n = 0; (n = ::read(reader, bytes.data(), bytes.size())) > 0;) {
        came += static_cast<std::size_t>(std::count(bytes.data(), bytes.data() + n, '\n'));
      }
    });
  }
  late.join();
  ::close(reader);
  EXPECT_EQ(came, written);
  EXPECT_EQ(lost, 1U);
}

TEST_F(Logs, CutOffWhatIsTooLong) {
  {
    Log log(file_);
    const std::string half(Log::kLine_bytes_max - 10, 'a');
    const std::array<std::string_view, 2> parts{half, half};
    EXPECT_TRUE(log.write(parts));
    EXPECT_TRUE(write(log, "next"));
  }
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_EQ(lines()[0], std::string(Log::kLine_bytes_max - 1, 'a'));
  EXPECT_EQ(lines()[1], "next");
}

TEST_F(Logs, GoBehindWhatIsThere) {
  for (int i = 0; i < 2; ++i) {
    Log log(file_);
    EXPECT_TRUE(write(log, std::to_string(i)));
  }
  EXPECT_EQ(lines(), (std::vector<std::string>{"0", "1"}));
}

TEST_F(Logs, OnAFullDiskLoseLines) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  Log log("/dev/full");
  EXPECT_TRUE(write(log, "line"));
  while (log.lost() == 0) std::this_thread::yield();
  EXPECT_EQ(log.lost(), 1U);
}

TEST(LogTime, IsOfTheCombinedFormat) {
  const std::string_view time = log_time();
  EXPECT_EQ(time.size(), 26U);
  EXPECT_EQ(time.substr(20), " +0000");
  EXPECT_EQ(time[2], '/');
  EXPECT_EQ(time[11], ':');
}

}  // namespace
}  // namespace zyphos::web
