#include "datagram/xdp_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "datagram/not_here.h"
#include "datagram/udp_socket.h"

namespace zyphos::datagram {
namespace {

// What the kernel says when it cannot send now: all of it passes.
bool passes(int error) {
  return error == EAGAIN || error == EBUSY || error == ENOBUFS || error == EINTR;
}

std::string said(int error) { return std::generic_category().message(error); }

Fd xdp_socket() {
  Fd fd(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (fd) return fd;
  if (errno == EPERM) throw NotHere("AF_XDP needs CAP_NET_RAW: run it as root");
  throw NotHere("this kernel has no AF_XDP (CONFIG_XDP_SOCKETS): " + said(errno));
}

Mapping map(int fd, std::size_t bytes, std::uint64_t offset) {
  const int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd,
                        static_cast<off_t>(offset));
  if (memory == MAP_FAILED) fail("map an AF_XDP ring");
  return {memory, bytes};
}

template <class Ring, class Entry>
Ring ring(int fd, const xdp_ring_offset& offsets, std::uint32_t entries, std::uint64_t page) {
  return Ring(map(fd, offsets.desc + entries * sizeof(Entry), page), offsets, entries);
}

}  // namespace

XdpSocket::XdpSocket(const XdpOptions& options, unsigned interface_index)
    : options_(options), fd_(xdp_socket()) {
  make(interface_index);
}

void XdpSocket::make(unsigned interface_index) {
  register_memory();
  const std::uint32_t frames = options_.frames;
  const xdp_mmap_offsets at = size_rings();
  const int fd = fd_.get();
  fill_ = ring<decltype(fill_), std::uint64_t>(fd, at.fr, frames, XDP_UMEM_PGOFF_FILL_RING);
  completion_ =
      ring<decltype(completion_), std::uint64_t>(fd, at.cr, frames, XDP_UMEM_PGOFF_COMPLETION_RING);
  rx_ = ring<decltype(rx_), xdp_desc>(fd, at.rx, frames, XDP_PGOFF_RX_RING);
  tx_ = ring<decltype(tx_), xdp_desc>(fd, at.tx, frames, XDP_PGOFF_TX_RING);
  for (std::uint64_t frame = 0; frame < frames; ++frame) give(frame * kFrame_bytes);
  give_back();
  bind(interface_index);
}

void XdpSocket::register_memory() {
  const std::size_t bytes = std::size_t{options_.frames} * kFrame_bytes;
  memory_ = map(-1, bytes, 0);
  const xdp_umem_reg region{.addr = reinterpret_cast<std::uintptr_t>(memory_.at(0)),
                            .len = bytes,
                            .chunk_size = kFrame_bytes,
                            .headroom = 0,
                            .flags = 0};
  if (::setsockopt(fd_.get(), SOL_XDP, XDP_UMEM_REG, &region, sizeof region) != 0) {
    fail("register an AF_XDP socket's memory (RLIMIT_MEMLOCK, or CAP_IPC_LOCK)");
  }
}

// Every frame fits into any of the rings, so that none of ours is ever full.
xdp_mmap_offsets XdpSocket::size_rings() const {
  const int entries = static_cast<int>(options_.frames);
  for (const int which : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING}) {
    set_option(fd_.get(), SOL_XDP, which, entries, "make an AF_XDP ring");
  }
  xdp_mmap_offsets at{};
  socklen_t size = sizeof at;
  if (::getsockopt(fd_.get(), SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) != 0 || size != sizeof at) {
    throw NotHere("this kernel's AF_XDP is older than Linux 5.4");
  }
  return at;
}

void XdpSocket::bind(unsigned interface_index) {
  sockaddr_xdp place{};
  place.sxdp_family = AF_XDP;
  place.sxdp_ifindex = interface_index;
  place.sxdp_queue_id = options_.queue;
  if (options_.need_wakeup) place.sxdp_flags |= XDP_USE_NEED_WAKEUP;
  if (options_.copy == XdpCopy::copy) place.sxdp_flags |= XDP_COPY;
  if (options_.copy == XdpCopy::zerocopy) place.sxdp_flags |= XDP_ZEROCOPY;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0) {
    if (options_.copy != XdpCopy::zerocopy) fail("bind an AF_XDP socket to the interface's queue");
    throw NotHere(
        "the interface's driver has no zero-copy AF_XDP (a pool of our frames would be "
        "its receive queue's): " +
        said(errno));
  }
  xdp_options told{};
  socklen_t size = sizeof told;
  if (::getsockopt(fd_.get(), SOL_XDP, XDP_OPTIONS, &told, &size) != 0) fail("XDP_OPTIONS");
  zero_copy_ = (told.flags & XDP_OPTIONS_ZEROCOPY) != 0;
}

void XdpSocket::give(std::uint64_t address) {
  ZY_CHECK(fill_.room(1) == 1);  // the ring has room for every frame that there is
  fill_.put(address & ~std::uint64_t{kFrame_bytes - 1});
}

void XdpSocket::reclaim() {
  const std::uint32_t count = completion_.ready(options_.frames);
  if (count == 0) return;
  for (std::uint32_t i = 0; i < count; ++i) give(completion_.take());
  completion_.release();
  give_back();
}

// In copy mode one call sends no more than some dozen frames, and says EAGAIN for the others, as it
// does where the socket's send buffer is full: only what moves nothing is no use to repeat.
unsigned XdpSocket::send() {
  unsigned calls = 0;
  std::uint32_t left = tx_.pending();
  while (left > 0 && (!options_.need_wakeup || tx_.needs_wakeup())) {
    ++calls;
    const bool sent = ::sendto(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) >= 0;
    if (!sent && !passes(errno)) fail("send from an AF_XDP socket");
    const std::uint32_t before = std::exchange(left, tx_.pending());
    if (left == before) break;
  }
  return calls;
}

std::uint64_t XdpSocket::dropped() const {
  xdp_statistics told{};
  socklen_t size = sizeof told;
  if (::getsockopt(fd_.get(), SOL_XDP, XDP_STATISTICS, &told, &size) != 0) fail("XDP_STATISTICS");
  return told.rx_dropped + told.rx_ring_full;
}

}  // namespace zyphos::datagram
