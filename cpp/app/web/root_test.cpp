#include "app/web/root.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

namespace zyphos::web {
namespace {

// A root with a file and links within and out, beside a secret.
class Roots : public testing::TestWithParam<bool> {
 protected:
  Roots() : folder_("/tmp/zyphos-root-XXXXXX") {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    namespace fs = std::filesystem;
    fs::create_directories(folder_ + "/site/a/b");
    std::ofstream(folder_ + "/secret") << "secret";
    std::ofstream(folder_ + "/site/a/b/file") << "file";
    fs::create_symlink("b/file", folder_ + "/site/a/within");
    fs::create_symlink("a", folder_ + "/site/alias");
    fs::create_symlink("../secret", folder_ + "/site/out");
    fs::create_symlink("..", folder_ + "/site/up");
    fs::create_symlink(folder_ + "/site/a", folder_ + "/site/absolute");
    fs::create_symlink("loop", folder_ + "/site/loop");
  }
  ~Roots() override { std::filesystem::remove_all(folder_); }

  // What opening comes to: 0, or errno.
  int opens(const char* path) const {
    const Root root(folder_ + "/site", GetParam());
    const int fd = root.open(path);
    if (fd < 0) return errno;
    ::close(fd);
    return 0;
  }
  bool follows() const { return !Root(folder_ + "/site", GetParam()).walks(); }

  std::string folder_;
};

TEST_P(Roots, OpenWhatLiesBelowThem) {
  EXPECT_EQ(opens(""), 0);
  EXPECT_EQ(opens("a"), 0);
  EXPECT_EQ(opens("a/b/file"), 0);
  EXPECT_EQ(opens("a/none"), ENOENT);
  EXPECT_EQ(opens("a/b/file/x"), ENOTDIR);
}

TEST_P(Roots, OpenNothingElse) {
  for (const char* path : {"out", "up", "up/secret", "absolute", "absolute/b/file", "loop",
                           "alias/../../secret", "../secret", "/etc/passwd"}) {
    EXPECT_NE(opens(path), 0) << path;
  }
}

TEST_P(Roots, FollowLinksWithinOnlyWhereLinuxSeesToIt) {
  EXPECT_EQ(opens("a/within"), follows() ? 0 : ELOOP);
  EXPECT_EQ(opens("alias/b/file"), follows() ? 0 : ENOTDIR);
}

TEST_P(Roots, NeverWaitForAFifo) {
  ASSERT_EQ(::mkfifo((folder_ + "/site/fifo").c_str(), 0600), 0);
  EXPECT_EQ(opens("fifo"), 0);
}

INSTANTIATE_TEST_SUITE_P(, Roots, testing::Bool(), [](const auto& each) {
  return each.param ? std::string("Walked") : std::string("Beneath");
});

TEST(Root, ThatIsNoFolderIsSaid) {
  EXPECT_THROW(Root("/nowhere/at/all"), std::system_error);
  EXPECT_THROW(Root("/dev/null"), std::system_error);
}

}  // namespace
}  // namespace zyphos::web
