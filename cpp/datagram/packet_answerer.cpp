// By AF_PACKET with rings that the kernel shares (PACKET_MMAP): frames are read where it has copied
// them and answered in a frame of the ring to send. The kernel's IP and UDP see the same frames: a
// held port lets them end there.
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "datagram/answerer.h"
#include "datagram/frame.h"
#include "datagram/mapping.h"
#include "datagram/not_here.h"
#include "datagram/udp_socket.h"

namespace zyphos::datagram {
namespace {

constexpr unsigned kFrame_bytes = 2048;
constexpr unsigned kFrames = 1024;  // of each ring
constexpr unsigned kBlock_bytes = 1 << 16;
constexpr std::size_t kRing_bytes = std::size_t{kFrame_bytes} * kFrames;
// Where the kernel expects a frame to send, from the beginning of its place.
constexpr std::size_t kSent_at = TPACKET2_HDRLEN - sizeof(sockaddr_ll);

Fd packet_socket() {
  Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd && errno == EPERM) throw NotHere("packet sockets need CAP_NET_RAW: run it as root");
  if (!fd) throw NotHere("this kernel has no packet sockets (CONFIG_PACKET)");
  return fd;
}

// IPv4 UDP to this port, without fragments and options; all else is not shown.
void filter(int fd, std::uint16_t port) {
  std::array<sock_filter, 10> code{
      sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 7),
      sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 5),
      sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x45, 0, 3),
      sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 36),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, kFrame_bytes),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    fail("SO_ATTACH_FILTER");
  }
}

void make_ring(int fd, int which) {
  const tpacket_req asked{.tp_block_size = kBlock_bytes,
                          .tp_block_nr = static_cast<unsigned>(kRing_bytes / kBlock_bytes),
                          .tp_frame_size = kFrame_bytes,
                          .tp_frame_nr = kFrames};
  if (::setsockopt(fd, SOL_PACKET, which, &asked, sizeof asked) != 0) fail("make a packet ring");
}

class PacketAnswerer final : public TurningAnswerer {
 public:
  PacketAnswerer(const AnswerOptions& options, Counters& counters)
      : TurningAnswerer(options, counters), port_(options.address), fd_(packet_socket()) {
    address_ = port_.address();
    set_up();
  }
  std::string manner() const override { return "packet mmap"; }

 protected:
  unsigned turn() override {
    unsigned taken = 0;
    unsigned answers = 0;
    for (; taken < options_.batch; ++taken) {
      std::byte* place = memory_.at(std::size_t{next_in_} * kFrame_bytes);
      auto& head = *reinterpret_cast<tpacket2_hdr*>(place);
      std::atomic_ref<__u32> status(head.tp_status);
      if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) break;
      answers += answer({place + head.tp_mac, head.tp_snaplen}) ? 1 : 0;
      status.store(TP_STATUS_KERNEL, std::memory_order_release);
      next_in_ = (next_in_ + 1) % kFrames;
    }
    if (answers > 0) send(answers);
    return taken;
  }

  int readable() const override { return fd_.get(); }

  std::uint64_t dropped() const override {
    tpacket_stats since{};  // the kernel begins anew with each call
    socklen_t size = sizeof since;
    if (::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0) {
      dropped_ += since.tp_drops;
    }
    return dropped_;
  }

 private:
  void set_up() {
    set_option(fd_.get(), SOL_PACKET, PACKET_VERSION, TPACKET_V2, "PACKET_VERSION");
    set_option(fd_.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
    set_option(fd_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
    filter(fd_.get(), address_.port);
    make_ring(fd_.get(), PACKET_RX_RING);
    make_ring(fd_.get(), PACKET_TX_RING);
    void* memory = ::mmap(nullptr, 2 * kRing_bytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_POPULATE, fd_.get(), 0);
    if (memory == MAP_FAILED) fail("map the packet rings");
    memory_ = Mapping(memory, 2 * kRing_bytes);
    sockaddr_ll place{};
    place.sll_family = AF_PACKET;
    place.sll_protocol = htons(ETH_P_IP);
    place.sll_ifindex = static_cast<int>(::if_nametoindex(options_.interface.c_str()));
    if (place.sll_ifindex == 0) fail("interface " + options_.interface);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0) {
      fail("bind a packet socket to " + options_.interface);
    }
  }

  // Whether it made an answer, which is the kernel's to send with the next call.
  bool answer(ConstBytes frame) {
    std::byte* place = memory_.at(kRing_bytes + std::size_t{next_out_} * kFrame_bytes);
    auto& head = *reinterpret_cast<tpacket2_hdr*>(place);
    std::atomic_ref<__u32> status(head.tp_status);
    const bool room = status.load(std::memory_order_acquire) == TP_STATUS_AVAILABLE;
    const std::size_t bytes = std::min<std::size_t>(frame.size(), kFrame_bytes - kSent_at);
    const Bytes copy{room ? place + kSent_at : spare_.data(), bytes};
    std::memcpy(copy.data(), frame.data(), bytes);
    if (answer_in_place(copy, address_.port) != Frame::answered) {
      counters_.add(Counter::datagrams_refused);
      return false;
    }
    counters_.add(Counter::datagrams_in);
    counters_.add(Counter::bytes_in, bytes - kHeaders_bytes);
    if (!room) {
      counters_.add(Counter::datagrams_unsent);
      return false;
    }
    head.tp_len = static_cast<unsigned>(bytes);
    status.store(TP_STATUS_SEND_REQUEST, std::memory_order_release);
    next_out_ = (next_out_ + 1) % kFrames;
    counters_.add(Counter::bytes_out, bytes - kHeaders_bytes);
    return true;
  }

  void send(unsigned answers) {
    counters_.add(Counter::send_calls);
    counters_.add(Counter::datagrams_out, answers);
    counters_.add(Counter::requests, answers);
    // What does not leave now stays in the ring, and goes with the next call.
    if (::send(fd_.get(), nullptr, 0, MSG_DONTWAIT) >= 0) return;
    if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR) fail("send from the packet ring");
  }

  HeldPort port_;
  Fd fd_;
  Mapping memory_;  // the ring that frames come by, then the one that they leave by
  unsigned next_in_ = 0;
  unsigned next_out_ = 0;
  std::array<std::byte, kFrame_bytes> spare_{};  // for what can only be looked at
  mutable std::uint64_t dropped_ = 0;
};

}  // namespace

std::unique_ptr<Answerer> make_packet_answerer(const AnswerOptions& options, Counters& counters) {
  return std::make_unique<PacketAnswerer>(options, counters);
}

}  // namespace zyphos::datagram
