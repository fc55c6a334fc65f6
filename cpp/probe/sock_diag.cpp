#include "probe/sock_diag.h"

// <linux/tcp.h> and never <netinet/tcp.h>: glibc's tcp_info stops at 104 bytes.
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>
#include <system_error>
#include <thread>

#include "net/fd.h"

namespace zyphos {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::uint64_t kMicrosecond_ns = 1000;

// Values of include/net/tcp_states.h, which is not exported to user space whole.
enum TcpState : unsigned {
  kEstablished = 1,
  kFinWait1 = 4,
  kFinWait2 = 5,
  kCloseWait = 8,
  kLastAck = 9,
  kClosing = 11
};
constexpr TcpStates kConnected = 1U << kEstablished | 1U << kFinWait1 | 1U << kFinWait2 |
                                 1U << kCloseWait | 1U << kLastAck | 1U << kClosing;

[[noreturn]] void fail(const char* what, int error = errno) {
  throw std::system_error(error, std::system_category(), what);
}

// "local port is P, or remote port is P", in inet_diag's bytecode. `yes` and `no` are offsets from
// the instruction in bytes; to land on the end accepts, to land one instruction behind it rejects.
// The kernel's audit wants every target of a `no` on the chain of `yes`, hence the jump.
using Filter = std::array<inet_diag_bc_op, 5>;
Filter port_filter(std::uint16_t port) {
  return {{{INET_DIAG_BC_S_EQ, 8, 12},
           {INET_DIAG_BC_NOP, 0, port},
           {INET_DIAG_BC_JMP, 4, 12},
           {INET_DIAG_BC_D_EQ, 8, 12},
           {INET_DIAG_BC_NOP, 0, port}}};
}

// The kernel's tcp_info of `size` bytes, which may be older (shorter) or newer (longer) than ours.
class Info {
 public:
  explicit Info(std::span<const char> bytes) : known_(std::min(bytes.size(), sizeof info_)) {
    std::memcpy(&info_, bytes.data(), known_);
  }
  const tcp_info& operator*() const { return info_; }
  bool has(std::size_t offset, std::size_t bytes) const { return offset + bytes <= known_; }

 private:
  tcp_info info_{};
  std::size_t known_;
};

#define ZYPHOS_FIELD(target, field, scale)                          \
  if (info.has(offsetof(tcp_info, field), sizeof(tcp_info::field))) \
  (target) = static_cast<std::uint64_t>((*info).field) * (scale)

void read_info(const Info& info, TcpSocket& socket) {
  ZYPHOS_FIELD(socket.segs_out, tcpi_segs_out, 1);
  ZYPHOS_FIELD(socket.segs_in, tcpi_segs_in, 1);
  ZYPHOS_FIELD(socket.data_segs_out, tcpi_data_segs_out, 1);
  ZYPHOS_FIELD(socket.data_segs_in, tcpi_data_segs_in, 1);
  ZYPHOS_FIELD(socket.bytes_acked, tcpi_bytes_acked, 1);
  ZYPHOS_FIELD(socket.bytes_received, tcpi_bytes_received, 1);
  ZYPHOS_FIELD(socket.bytes_retransmitted, tcpi_bytes_retrans, 1);
  ZYPHOS_FIELD(socket.retransmits, tcpi_total_retrans, 1);
  ZYPHOS_FIELD(socket.delivered, tcpi_delivered, 1);
  ZYPHOS_FIELD(socket.reordering_seen, tcpi_reord_seen, 1);
  ZYPHOS_FIELD(socket.rtt_ns, tcpi_rtt, kMicrosecond_ns);
  ZYPHOS_FIELD(socket.rtt_variance_ns, tcpi_rttvar, kMicrosecond_ns);
  ZYPHOS_FIELD(socket.rtt_min_ns, tcpi_min_rtt, kMicrosecond_ns);
  ZYPHOS_FIELD(socket.cwnd, tcpi_snd_cwnd, 1);
  ZYPHOS_FIELD(socket.ack_timeout_ns, tcpi_ato, kMicrosecond_ns);
  ZYPHOS_FIELD(socket.busy_ns, tcpi_busy_time, kMicrosecond_ns);
  ZYPHOS_FIELD(socket.window_limited_ns, tcpi_rwnd_limited, kMicrosecond_ns);
  ZYPHOS_FIELD(socket.sndbuf_limited_ns, tcpi_sndbuf_limited, kMicrosecond_ns);
  // No measurement yet: the kernel's initial values, which are no times.
  if (socket.rtt_ns == 0) socket.rtt_ns.reset();
  if (socket.rtt_min_ns == std::numeric_limits<std::uint32_t>::max() * kMicrosecond_ns)
    socket.rtt_min_ns.reset();
}

#undef ZYPHOS_FIELD

const inet_diag_msg& message_of(const nlmsghdr& header) {
  return *static_cast<const inet_diag_msg*>(NLMSG_DATA(&header));
}

template <typename Socket>
Socket identified(const inet_diag_msg& message) {
  Socket socket;
  socket.cookie = std::uint64_t{message.id.idiag_cookie[1]} << 32 | message.id.idiag_cookie[0];
  socket.local_port = ntohs(message.id.idiag_sport);
  socket.remote_port = ntohs(message.id.idiag_dport);
  return socket;
}

// Calls `take(type, value)` for each attribute behind the message.
template <typename Take>
void each_attribute(const nlmsghdr& header, Take&& take) {
  const inet_diag_msg& message = message_of(header);
  const char* at = reinterpret_cast<const char*>(&message) + NLMSG_ALIGN(sizeof message);
  const char* end = reinterpret_cast<const char*>(&header) + header.nlmsg_len;
  while (at + sizeof(nlattr) <= end) {
    nlattr attribute{};
    std::memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > end) break;
    take(attribute.nla_type,
         std::span(at + sizeof attribute, attribute.nla_len - sizeof attribute));
    at += NLMSG_ALIGN(attribute.nla_len);
  }
}

TcpSocket read_socket(const nlmsghdr& header) {
  auto socket = identified<TcpSocket>(message_of(header));
  socket.ipv6 = message_of(header).idiag_family == AF_INET6;
  each_attribute(header, [&](unsigned type, std::span<const char> value) {
    if (type == INET_DIAG_INFO) read_info(Info(value), socket);
    if (type == INET_DIAG_CONG)
      socket.congestion.assign(value.data(), strnlen(value.data(), value.size()));
  });
  return socket;
}

SocketQueues read_queues(const nlmsghdr& header) {
  const inet_diag_msg& message = message_of(header);
  auto socket = identified<SocketQueues>(message);
  socket.state = message.idiag_state;
  socket.receive_queue = message.idiag_rqueue;
  socket.send_queue = message.idiag_wqueue;
  each_attribute(header, [&](unsigned type, std::span<const char> value) {
    if (type != INET_DIAG_SKMEMINFO) return;
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    std::memcpy(memory.data(), value.data(), std::min(value.size(), sizeof memory));
    // What is allotted in advance is signed, and below zero for moments.
    const auto spare = static_cast<std::int32_t>(memory[SK_MEMINFO_FWD_ALLOC]);
    socket.memory_bytes = std::uint64_t{memory[SK_MEMINFO_RMEM_ALLOC]} +
                          memory[SK_MEMINFO_WMEM_QUEUED] +
                          static_cast<std::uint64_t>(std::max(spare, 0));
    if (value.size() >= sizeof memory) socket.drops = memory[SK_MEMINFO_DROPS];
  });
  return socket;
}

int open_netlink() { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG); }

bool is_own(int netns) {
  struct stat theirs{}, own{};
  return fstat(netns, &theirs) == 0 && stat("/proc/thread-self/ns/net", &own) == 0 &&
         theirs.st_ino == own.st_ino && theirs.st_dev == own.st_dev;
}

// A socket stays in the namespace that it was made in, so a thread goes there for that alone: the
// caller's own namespace is never touched.
int open_netlink_in(const std::string& path) {
  const Fd netns(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (netns.get() < 0) fail(("open " + path).c_str());
  if (is_own(netns.get())) return open_netlink();
  int fd = -1, error = 0;
  std::thread([&] {
    if (setns(netns.get(), CLONE_NEWNET) == 0) fd = open_netlink();
    error = errno;
  }).join();
  if (fd < 0) fail(("enter the network namespace " + path).c_str(), error);
  return fd;
}

// The message behind this one; `left_bytes` counts the datagram from there on.
nlmsghdr* next(nlmsghdr* header, unsigned& left_bytes) {
  const unsigned size = std::min(NLMSG_ALIGN(header->nlmsg_len), left_bytes);
  left_bytes -= size;
  void* behind = reinterpret_cast<char*>(header) + size;
  return static_cast<nlmsghdr*>(behind);
}

}  // namespace

// What is asked for: whose sockets, in which states, with which INET_DIAG_ extensions.
struct SockDiag::Request {
  std::uint16_t port;
  TcpStates states;
  unsigned extensions;
};

SockDiag::SockDiag(const std::string& netns) : buffer_(kBufferBytes) {
  fd_ = netns.empty() ? open_netlink() : open_netlink_in(netns);
  if (fd_ < 0) fail("socket(AF_NETLINK, NETLINK_SOCK_DIAG)");
}

SockDiag::~SockDiag() { close(fd_); }

std::vector<TcpSocket> SockDiag::dump(std::uint16_t port) {
  std::vector<TcpSocket> sockets;
  const unsigned extensions = 1U << (INET_DIAG_INFO - 1) | 1U << (INET_DIAG_CONG - 1);
  each({port, kConnected, extensions},
       [&](const nlmsghdr& header) { sockets.push_back(read_socket(header)); });
  return sockets;
}

std::vector<SocketQueues> SockDiag::queues(std::uint16_t port, TcpStates states) {
  std::vector<SocketQueues> sockets;
  each({port, states, 1U << (INET_DIAG_SKMEMINFO - 1)},
       [&](const nlmsghdr& header) { sockets.push_back(read_queues(header)); });
  return sockets;
}

void SockDiag::each(const Request& wanted, const Take& take) {
  for (const int family : {AF_INET, AF_INET6}) {
    request(family, wanted);
    while (receive(family, take)) {
    }
  }
}

void SockDiag::request(int family, const Request& wanted) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
    nlattr attribute;
    Filter filter;
  } message{};
  message.header.nlmsg_len = sizeof message;
  message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.header.nlmsg_seq = ++sequence_;
  message.request.sdiag_family = static_cast<std::uint8_t>(family);
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_ext = static_cast<std::uint8_t>(wanted.extensions);
  message.request.idiag_states = wanted.states;
  message.attribute = {sizeof(nlattr) + sizeof(Filter), INET_DIAG_REQ_BYTECODE};
  message.filter = port_filter(wanted.port);
  if (send(fd_, &message, sizeof message, 0) < 0) fail("send to sock_diag");
}

// One datagram of the answer; false after the last one.
bool SockDiag::receive(int family, const Take& take) {
  const ssize_t got = recv(fd_, buffer_.data(), buffer_.size(), 0);
  if (got < 0 && errno == EINTR) return true;
  if (got < 0) fail("recv from sock_diag");
  auto left = static_cast<unsigned>(got);
  for (auto* header = reinterpret_cast<nlmsghdr*>(buffer_.data()); NLMSG_OK(header, left);
       header = next(header, left)) {
    if (header->nlmsg_seq != sequence_) continue;  // what an earlier, failed dump left behind
    if (header->nlmsg_type == NLMSG_DONE) return false;
    if (header->nlmsg_type == NLMSG_ERROR) {
      const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
      // A kernel without IPv6 has no handler for it; then there are no such sockets either.
      if (family == AF_INET6 && error == ENOENT) return false;
      fail("sock_diag: dump TCP sockets", error);
    }
    take(*header);
  }
  return true;
}

}  // namespace zyphos
