// The server's side: receives datagrams at an address and sends each one's bytes back to where it
// came from. One thread makes it and runs it. Each kind (By) is one file; what they count stands on
// the board: datagrams_in, datagrams_out, and what did not get through at which place.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/address.h"
#include "base/counters.h"
#include "datagram/options.h"

namespace zyphos::datagram {

class Answerer {
 public:
  virtual ~Answerer() = default;

  // Answers until `stop_fd` is readable. std::system_error where the kernel gives up.
  virtual void run(int stop_fd) = 0;
  // Where it listens.
  virtual Address address() const = 0;
  // What it is, of what could be had: one line.
  virtual std::string manner() const = 0;
};

// NotHere: this machine cannot do it, with the reason; std::system_error: it went wrong. `counters`
// outlives it.
std::unique_ptr<Answerer> make_answerer(const AnswerOptions& options, Counters& counters);

// One that takes turns: what is there is answered, then it waits for more.
class TurningAnswerer : public Answerer {
 public:
  void run(int stop_fd) override;
  Address address() const override { return address_; }

 protected:
  TurningAnswerer(const AnswerOptions& options, Counters& counters)
      : options_(options), counters_(counters) {}

  // Takes `options_.batch` datagrams at most; how many it took, whatever became of them.
  virtual unsigned turn() = 0;
  // Readable when there is something to take; `awaited`, else, what poll is to wait for.
  virtual int readable() const = 0;
  virtual short awaited() const { return POLLIN; }
  // What the kernel has dropped before it was taken, since the beginning. A system call.
  virtual std::uint64_t dropped() const = 0;

  AnswerOptions options_;
  Counters& counters_;
  Address address_;

 private:
  bool sleep(int stop_fd) const;
  void count_dropped();

  std::uint64_t dropped_ = 0;
};

std::unique_ptr<Answerer> make_socket_answerer(const AnswerOptions& options, Counters& counters);
std::unique_ptr<Answerer> make_uring_answerer(const AnswerOptions& options, Counters& counters);
std::unique_ptr<Answerer> make_packet_answerer(const AnswerOptions& options, Counters& counters);
std::unique_ptr<Answerer> make_xdp_answerer(const AnswerOptions& options, Counters& counters);

}  // namespace zyphos::datagram
