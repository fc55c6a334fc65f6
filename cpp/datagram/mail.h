// What the load sends and receives with: batches of datagrams, one by one or in trains, through a
// connected UDP socket. Knows nothing of what is in them but their length. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "datagram/options.h"
#include "net/fd.h"

namespace zyphos::datagram {

class Mail {
 public:
  // std::system_error; NotHere where the kernel knows no trains.
  static std::unique_ptr<Mail> make(const AskOptions& options);
  virtual ~Mail() = default;

  int fd() const { return fd_.get(); }
  // Memory of the next batch's datagram `at`, below options.batch: of the message's size.
  virtual Bytes draft(std::size_t at) = 0;
  // Sends the first `count` drafts; how many of them the kernel took (0: none now).
  virtual std::size_t send(std::size_t count) = 0;
  // Takes what is there, some dozen at most: datagrams, valid until the next call.
  virtual std::span<const ConstBytes> receive() = 0;

 protected:
  explicit Mail(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace zyphos::datagram
