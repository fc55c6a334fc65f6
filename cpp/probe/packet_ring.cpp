#include "probe/packet_ring.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>

#include "base/time.h"

namespace zyphos {
namespace {

constexpr std::size_t kBlockBytes = 256 * 1024;  // the largest packet fits
constexpr std::size_t kBlocks = 16;
constexpr unsigned kFrameBytes = 2048;     // asked for, of no meaning in TPACKET_V3
constexpr unsigned kBlockTimeout_ms = 20;  // a block that is not full is handed over after it
constexpr std::uint16_t kEthernet = 1, kRaw = 101;  // LINKTYPE_...

std::string reason(const std::string& what) {
  return what + ": " + std::generic_category().message(errno);
}

// The calling thread in another network namespace, and back where it was.
class Inside {
 public:
  explicit Inside(const std::string& path) {
    if (path.empty()) return;
    ours_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    const Fd theirs(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!ours_ || !theirs || setns(theirs.get(), CLONE_NEWNET) != 0) {
      wrong_ = reason("cannot enter the network namespace " + path);
    }
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() {
    if (ours_) setns(ours_.get(), CLONE_NEWNET);
  }
  const std::string& wrong() const { return wrong_; }

 private:
  Fd ours_;
  std::string wrong_;
};

template <typename T>
bool set(int fd, int level, int name, const T& value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool attach(int fd, std::vector<sock_filter> program) {
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  return set(fd, SOL_SOCKET, SO_ATTACH_FILTER, whole);
}

struct Found {
  int index = 0;
  int hardware = 0;  // ARPHRD_...
};

std::expected<Found, std::string> find(int fd, const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) {
    return std::unexpected("no interface can be called " + name);
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (ioctl(fd, SIOCGIFINDEX, &request) != 0) return std::unexpected(reason("interface " + name));
  Found found{.index = request.ifr_ifindex};
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) return std::unexpected(reason("interface " + name));
  found.hardware = request.ifr_hwaddr.sa_family;
  return found;
}

std::string no_socket() {
  if (errno != EPERM) return reason("packet socket");
  return "packets are captured with CAP_NET_RAW only: run as root, or "
         "`setcap cap_net_raw+ep` on zyphos-capture";
}

bool make_ring(int fd, const PortFilter& filter) {
  tpacket_req3 request{};
  request.tp_block_size = kBlockBytes;
  request.tp_block_nr = kBlocks;
  request.tp_frame_size = kFrameBytes;
  request.tp_frame_nr = kBlockBytes / kFrameBytes * kBlocks;
  request.tp_retire_blk_tov = kBlockTimeout_ms;
  return set(fd, SOL_PACKET, PACKET_VERSION, static_cast<int>(TPACKET_V3)) &&
         attach(fd, port_filter(filter)) && set(fd, SOL_PACKET, PACKET_RX_RING, request);
}

std::byte* at(std::byte* memory, std::size_t offset) { return memory + offset; }

}  // namespace

void PacketRing::Unmap::operator()(std::byte* memory) const {
  munmap(memory, kBlocks * kBlockBytes);
}

std::expected<PacketRing, std::string> PacketRing::open(const RingOptions& options) {
  PacketRing ring;
  const Inside inside(options.netns);
  std::string wrong = inside.wrong();
  if (wrong.empty()) wrong = ring.set_up(options);
  if (!wrong.empty()) return std::unexpected(std::move(wrong));
  return ring;
}

// '' or what is wrong. The socket hears nothing before it is bound, when the filter is in place.
std::string PacketRing::set_up(const RingOptions& options) {
  fd_ = Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd_) return no_socket();
  const auto found = find(fd_.get(), options.interface);
  if (!found) return found.error();
  const bool loopback = found->hardware == ARPHRD_LOOPBACK;
  if (!loopback && found->hardware != ARPHRD_ETHER && found->hardware != ARPHRD_NONE) {
    return "interface " + options.interface + " is neither Ethernet nor IP";
  }
  link_type_ = found->hardware == ARPHRD_NONE ? kRaw : kEthernet;
  if (!make_ring(fd_.get(), {options.port, options.snap_bytes, loopback})) {
    return reason("packet ring");
  }
  void* memory = mmap(nullptr, kBlocks * kBlockBytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_POPULATE, fd_.get(), 0);
  if (memory == MAP_FAILED) return reason("packet ring's memory");
  memory_.reset(static_cast<std::byte*>(memory));
  sockaddr_ll place{};
  place.sll_family = AF_PACKET;
  place.sll_protocol = htons(ETH_P_ALL);
  place.sll_ifindex = found->index;
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0) {
    return reason("interface " + options.interface);
  }
  return {};
}

std::uint64_t PacketRing::drain(const Visit& visit) {
  std::uint64_t shown = 0;
  while (!done_) {
    std::byte* block = at(memory_.get(), next_block_ * kBlockBytes);
    auto& header = reinterpret_cast<tpacket_block_desc*>(block)->hdr.bh1;
    std::atomic_ref<__u32> status(header.block_status);
    if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) break;
    shown += drain_block(block, visit);
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    next_block_ = (next_block_ + 1) % kBlocks;
  }
  return shown;
}

std::uint64_t PacketRing::drain_block(std::byte* block, const Visit& visit) {
  const auto& header = reinterpret_cast<tpacket_block_desc*>(block)->hdr.bh1;
  std::byte* place = at(block, header.offset_to_first_pkt);
  std::uint64_t shown = 0;
  while (shown < header.num_pkts && !done_) {
    const auto& frame = *reinterpret_cast<const tpacket3_hdr*>(place);
    const auto& address =
        *reinterpret_cast<const sockaddr_ll*>(at(place, TPACKET_ALIGN(sizeof(tpacket3_hdr))));
    const Pcapng::Packet packet{
        .time_ns = static_cast<std::int64_t>(frame.tp_sec) * kSecond_ns + frame.tp_nsec,
        .wire_bytes = frame.tp_len,
        .outgoing = address.sll_pkttype == PACKET_OUTGOING,
        .data = ConstBytes(at(place, frame.tp_mac), frame.tp_snaplen),
    };
    ++shown;
    done_ = !visit(packet);
    place = at(place, frame.tp_next_offset);
  }
  return shown;
}

void PacketRing::close_intake() { attach(fd_.get(), closed_filter()); }

PacketRing::Counts PacketRing::counts() {
  tpacket_stats_v3 since{};  // the kernel begins anew with each call
  socklen_t size = sizeof since;
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0) {
    counts_.received += since.tp_packets;
    counts_.dropped += since.tp_drops;
  }
  return counts_;
}

}  // namespace zyphos
