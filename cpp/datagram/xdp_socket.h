// An AF_XDP socket with its own memory (UMEM) of 2 KiB frames and its four rings, bound to one
// queue of an interface. Which frames come to it an XDP program says (probe/xdp_steering.h).
// Knows nothing of what is in a frame. One thread.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "datagram/options.h"
#include "datagram/xdp_rings.h"
#include "net/fd.h"

namespace zyphos::datagram {

class XdpSocket {
 public:
  static constexpr std::uint32_t kFrame_bytes = 2048;

  // Half of the frames are the kernel's to fill from here on. NotHere where the kernel has no
  // AF_XDP, or no zero-copy for this interface and it was asked for; std::system_error else.
  XdpSocket(const XdpOptions& options, unsigned interface_index);

  int fd() const { return fd_.get(); }
  // Whether the driver uses our memory itself (XDP_OPTIONS).
  bool zero_copy() const { return zero_copy_; }
  Bytes frame(const xdp_desc& at) { return {memory_.at(at.addr), at.len}; }

  ConsumerRing<xdp_desc>& rx() { return rx_; }
  ProducerRing<xdp_desc>& tx() { return tx_; }
  // Answers that have not left yet.
  std::uint32_t unsent() const { return tx_.pending(); }
  // A frame that is no longer needed goes back to the kernel, from give_back() on.
  void give(std::uint64_t address);
  void give_back() { fill_.submit(); }
  // Gives back what has been sent.
  void reclaim();
  // Has all that stands in tx sent. Without `need_wakeup` always a call, else only where the kernel
  // asks for one; how many calls. A frame that does not leave for want of room stays in tx.
  unsigned send();
  // Frames that found no room: in rx, or no frame to be put into.
  std::uint64_t dropped() const;

 private:
  void make(unsigned interface_index);
  void register_memory();
  xdp_mmap_offsets size_rings() const;
  void bind(unsigned interface_index);

  XdpOptions options_;
  Fd fd_;
  Mapping memory_;
  ProducerRing<std::uint64_t> fill_;
  ConsumerRing<std::uint64_t> completion_;
  ConsumerRing<xdp_desc> rx_;
  ProducerRing<xdp_desc> tx_;
  bool zero_copy_ = false;
};

}  // namespace zyphos::datagram
