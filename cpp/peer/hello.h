// What the peers answer: servers on other people's libraries (asio_main.cpp, libuv_main.cpp), which
// stand beside our engines in an experiment. Nothing of ours is in them, so that what is measured
// is those libraries' way to serve. This is the part that neither library has: HTTP/1.1 from bytes
// to bytes, for GET and HEAD of anything, with keep-alive and pipelining. It knows no socket and no
// clock.
#pragma once

#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

namespace zyphos::peer {

// Of a request's head and of its body; a server's buffer has to hold both.
inline constexpr std::size_t kHeadBytes_max = 8192;
inline constexpr std::size_t kBodyBytes_max = 8192;

// The same answer as protocol http1 gives for app=hello. One thread.
class Hello {
 public:
  struct Step {
    std::size_t consumed = 0;  // of the input, from its beginning
    bool close = false;        // once what was written has been sent
  };

  explicit Hello(std::time_t now) { set_date(now); }

  // The Date of the answers from now on; to be called once a second.
  void set_date(std::time_t now);
  // Answers all requests that have come whole; the answers are added to `out`. What is no request
  // gets a 4xx or 501, and `close`. Linear in the bytes; copies the answer.
  Step answer(std::string_view in, std::string& out) const;

 private:
  std::string head_;    // up to the empty line, which is not in it
  std::string answer_;  // the usual one, whole
};

}  // namespace zyphos::peer
