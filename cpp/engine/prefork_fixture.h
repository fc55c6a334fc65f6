// What the tests of engine prefork share: its processes, and a client that asks for HTTP and knows
// when its connection is to end. Included by tests only.
#pragma once

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "engine/engine_fixture.h"
#include "engine/prefork_engine.h"

namespace zyphos::testing {

// Of another process, those of /proc/PID/fd; 0 where it is gone.
inline std::size_t descriptors_of(pid_t pid) {
  DIR* directory = ::opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  if (directory == nullptr) return 0;
  std::size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

inline bool process_exists(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

class PreforkTest : public EngineTest {
 protected:
  std::vector<WorkerStatus> workers() const { return workers_of(*engine_); }

  // Those that serve and have not been told to leave, by place.
  std::vector<WorkerStatus> serving() const {
    std::vector<WorkerStatus> found = workers();
    std::erase_if(found, [](const WorkerStatus& one) {
      return one.state != WorkerState::ready && one.state != WorkerState::tired;
    });
    std::ranges::sort(found, {}, &WorkerStatus::place);
    return found;
  }

  std::set<pid_t> pids() const {
    std::set<pid_t> found;
    for (const WorkerStatus& one : workers()) found.insert(one.pid);
    return found;
  }

  // The process that serves the only open connection besides those of `before`.
  std::optional<WorkerStatus> server_of_the_next(const std::vector<WorkerStatus>& before) const {
    for (const WorkerStatus& now : workers()) {
      for (const WorkerStatus& was : before) {
        if (now.pid == was.pid && now.connections > was.connections) return now;
      }
    }
    return {};
  }
};

// One HTTP request after the other, on a kept connection for as long as the server keeps it. A
// request that gets no whole answer is lost, and never sent again.
class HttpClient {
 public:
  explicit HttpClient(const Address& address) : address_(address) {}

  // Whether it was answered. If not, the next one has a new connection.
  bool ask() {
    const bool answered = asked();
    if (!answered) client_.reset();
    return answered;
  }

  void close() { client_.reset(); }
  int told_to_close() const { return told_to_close_; }

 private:
  bool asked() {
    try {
      if (!client_) client_ = std::make_unique<Client>(address_);
    } catch (const std::system_error&) {
      return false;
    }
    constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    if (::send(client_->fd(), kGet.data(), kGet.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(kGet.size())) {
      return false;
    }
    const std::string answer = read_answer();
    if (!answer.ends_with("Hello, world!")) return false;
    if (answer.find("Connection: close") == std::string::npos) return true;
    ++told_to_close_;
    client_.reset();
    return true;
  }

  std::string read_answer() {
    std::string answer;
    while (!answer.ends_with("Hello, world!")) {
      char buffer[1024];
      const ssize_t got = ::recv(client_->fd(), buffer, sizeof buffer, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(got));
    }
    return answer;
  }

  Address address_;
  std::unique_ptr<Client> client_;
  int told_to_close_ = 0;
};

inline auto every_accept() {
  return ::testing::Values("prefork", "prefork_inherited", "prefork_passed");
}

}  // namespace zyphos::testing
