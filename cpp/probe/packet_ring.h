// The packets of one interface as the kernel hands them to a packet socket: a memory-mapped ring of
// blocks (TPACKET_V3) with nanosecond timestamps of the wall clock, filtered by port in the kernel.
// Knows nothing of files nor of what is in the packets. One thread.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "net/fd.h"
#include "probe/pcapng.h"
#include "probe/port_filter.h"

namespace zyphos {

struct RingOptions {
  std::string interface = "lo";
  std::string netns = {};  // path of a network namespace; empty: the caller's
  std::uint16_t port = 0;
  std::uint32_t snap_bytes = 128;
};

class PacketRing {
 public:
  // False: no more of this block are shown, nor of later ones.
  using Visit = std::function<bool(const Pcapng::Packet&)>;
  struct Counts {
    std::uint64_t received = 0;  // that passed the filter, the dropped ones too
    std::uint64_t dropped = 0;   // for which the ring had no room
  };

  // Packets are kept from here on. Error: one line, what this machine or user lacks and how to get
  // it. Enters the namespace with the calling thread and comes back (CAP_SYS_ADMIN).
  // Source: packet(7), Documentation/networking/packet_mmap.rst.
  static std::expected<PacketRing, std::string> open(const RingOptions& options);

  // Readable (POLLIN) when a block is full or some milliseconds old.
  int fd() const { return fd_.get(); }
  std::uint16_t link_type() const { return link_type_; }
  // Shows what is there, oldest first; how many that was. The data is valid within the call.
  std::uint64_t drain(const Visit& visit);
  // Lets nothing more in. What came before can still be drained: `counts().received` says how much.
  void close_intake();
  // Since the opening. One system call.
  Counts counts();

 private:
  struct Unmap {
    void operator()(std::byte* memory) const;
  };
  PacketRing() = default;
  std::string set_up(const RingOptions& options);
  std::uint64_t drain_block(std::byte* block, const Visit& visit);

  Fd fd_;
  std::unique_ptr<std::byte, Unmap> memory_;
  std::size_t next_block_ = 0;
  std::uint16_t link_type_ = 0;
  Counts counts_;
  bool done_ = false;
};

}  // namespace zyphos
