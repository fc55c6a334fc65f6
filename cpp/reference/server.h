// Server: the reference of known truth: it answers by counting (framing.h), each request when the
// schedule says, and keeps what the kernel's timestamps say became of it. One thread and one
// visible loop around epoll (edge-triggered). With nothing asked of it, it is the least that a
// server can do: one receive and one send for what came, no clock, no allocation.
//
// The delay runs from the kernel's RX timestamp; where answers have their time the loop polls as
// long as there are connections, so that they leave within a few microseconds of it.
//
// Order of calls, from one thread: the constructor listens, run() serves until `stop_fd` is
// readable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/address.h"
#include "net/fd.h"
#include "reference/framing.h"
#include "reference/options.h"
#include "reference/peer.h"
#include "reference/schedule.h"
#include "reference/truth.h"

struct epoll_event;

namespace zyphos::reference {

class Server {
 public:
  // `options` have no complaint(). std::system_error when it cannot listen, or when the kernel
  // gives no timestamps where the truth is to be kept.
  explicit Server(const Options& options);

  Address address() const;
  void run(int stop_fd);
  // Of the whole life; see Truth::to_json().
  std::string truth_json() const;

 private:
  struct Due {
    Time time;
    std::uint64_t order;
    int fd;
    std::uint32_t generation;
    bool operator>(const Due& other) const {
      return time != other.time ? time > other.time : order > other.order;
    }
  };

  static constexpr std::size_t kBuffer_bytes = 256U * 1024;

  // server.cpp: the loop
  bool wait_and_handle(int stop_fd);
  int wait(epoll_event* events, int most);
  void handle(const epoll_event& event);
  void accept_all();
  void watch(int fd, std::uint32_t events, std::uint32_t generation);
  Peer* peer_at(int fd, std::uint32_t generation);
  void close(Peer& peer);
  void command();
  void obey(const std::string& line);

  // answers.cpp: one connection
  void readable(Peer& peer, bool hung_up);
  bool take(Peer& peer, ConstBytes came, std::int64_t stamp_ns);
  std::size_t answer_all(Peer& peer, ConstBytes held, std::int64_t stamp_ns);
  bool answer_one(Peer& peer, ConstBytes request, std::int64_t stamp_ns);
  void release_due();
  void release(const Due& due);
  void send(Peer& peer, const std::string& bytes, Truth::Id id);
  void send_unsent(Peer& peer);
  void take_stamps(Peer& peer);

  Options options_;
  bool timed_;
  bool polls_;
  bool truthful_;
  std::unique_ptr<Framing> framing_;
  Schedule schedule_;
  Truth truth_;
  Fd listener_;
  Fd epoll_;
  std::vector<std::unique_ptr<Peer>> peers_;  // by descriptor
  std::size_t open_ = 0;
  std::uint32_t generation_ = 0;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::uint64_t order_ = 0;
  std::int64_t ahead_ns_ = 0;  // CLOCK_REALTIME, of CLOCK_MONOTONIC
  std::unique_ptr<std::byte[]> buffer_;
  std::string ready_;     // answers that leave at once
  std::string commands_;  // a line that is not complete
};

}  // namespace zyphos::reference
