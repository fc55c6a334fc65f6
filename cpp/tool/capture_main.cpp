// zyphos-capture: packets from or to one port into a pcapng file, as many as it is told, in a
// process of its own. stdout: one JSON event a line: `ready` (packets are kept from here on), or
// `skipped` with the reason (exit 0: the machine or the user cannot), then `result`. It holds the
// packets in memory and writes at the end, so that no disk is used meanwhile. SIGTERM or SIGINT
// ends it as any limit does. Exit 1: the file cannot be written; 2: usage.
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <system_error>

#include "base/json.h"
#include "net/clock.h"
#include "probe/packet_ring.h"
#include "probe/pcapng.h"
#include "tool/process.h"
#include "tool/words.h"

namespace {

using zyphos::PacketRing;
using zyphos::Time;

constexpr const char* kProgram = "zyphos-capture";
// What passed the filter is in the ring a block's age later; longer it never waits for it.
constexpr std::int64_t kLast_ns = zyphos::kSecond_ns;
constexpr std::uint64_t kSnapMost = 65536;

struct Setting {
  zyphos::RingOptions ring;
  std::string file;
  std::string comment;
  std::uint64_t packets = 2000;
  std::uint64_t bytes = 64ULL << 20;
  std::int64_t time_ns = 60 * zyphos::kSecond_ns;
  bool parent_death = false;
};

zyphos::Words words_of(Setting& setting) {
  zyphos::Words words;
  words.text("interface", "whose packets", setting.ring.interface);
  words.text("netns", "path of the network namespace that it is in; empty: ours",
             setting.ring.netns);
  words.number("port", "TCP or UDP, of either side; 0: every packet", setting.ring.port,
               std::uint16_t{0});
  words.number("snap_bytes", "kept of each packet, from its link header on",
               setting.ring.snap_bytes, std::uint32_t{1});
  words.text("file", "where to write", setting.file);
  words.text("comment", "of the whole file", setting.comment);
  words.number("packets", "at most so many", setting.packets, std::uint64_t{1});
  words.number("bytes", "at most so large a file, about", setting.bytes, std::uint64_t{1});
  words.number("time_ns", "for so long at most", setting.time_ns, std::int64_t{1});
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  return words;
}

void print(const zyphos::JsonLine& json) {
  std::printf("%s\n", json.line().c_str());
  if (std::fflush(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "nobody reads the result");
  }
}

std::int64_t wall_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * zyphos::kSecond_ns + now.tv_nsec;
}

// Timestamps of packets are the wall clock's, everything else's are CLOCK_MONOTONIC.
std::int64_t wall_minus_monotonic_ns() { return wall_ns() - zyphos::clock_now().ns; }

class Capture {
 public:
  Capture(const Setting& setting, PacketRing ring)
      : setting_(setting), ring_(std::move(ring)), file_(interface_of(setting, ring_)) {}

  // Until a limit is reached or a signal comes.
  void run(int signals_fd) {
    const Time end = zyphos::clock_now() + setting_.time_ns;
    while (ended_by_.empty()) {
      const std::int64_t left_ns = end - zyphos::clock_now();
      if (left_ns <= 0)
        ended_by_ = "time";
      else
        wait(signals_fd, left_ns);
    }
    finish();
  }

  void save() const {
    std::ofstream out(setting_.file, std::ios::binary | std::ios::trunc);
    out << file_.bytes();
    out.close();
    if (!out) {
      throw std::system_error(errno, std::generic_category(), setting_.file + " cannot be written");
    }
  }

  zyphos::JsonLine result() {
    const PacketRing::Counts counts = ring_.counts();
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    zyphos::JsonLine json;
    json.begin("", '{').text("event", "result").text("ended_by", ended_by_);
    json.number("packets", packets_).number("bytes", wire_bytes_);
    json.number("dropped", counts.dropped);
    json.number("cpu_ns",
                static_cast<std::int64_t>(used.tv_sec) * zyphos::kSecond_ns + used.tv_nsec);
    json.number("first_ns", first_ns_).number("last_ns", last_ns_);
    json.number("wall_minus_monotonic_ns", wall_minus_monotonic_ns()).end('}');
    return json;
  }

 private:
  static zyphos::Pcapng::Interface interface_of(const Setting& setting, const PacketRing& ring) {
    const std::string port = std::to_string(setting.ring.port);
    return {.name = setting.ring.interface,
            .link_type = ring.link_type(),
            .snap_bytes = setting.ring.snap_bytes,
            .filter = setting.ring.port == 0 ? "" : "tcp port " + port + " or udp port " + port,
            .comment = setting.comment};
  }

  void wait(int signals_fd, std::int64_t left_ns) {
    std::array<pollfd, 2> fds{pollfd{ring_.fd(), POLLIN, 0}, pollfd{signals_fd, POLLIN, 0}};
    const timespec most = zyphos::to_timespec(left_ns);
    ppoll(fds.data(), fds.size(), &most, nullptr);
    drain();
    if (ended_by_.empty() && (fds[1].revents & POLLIN) != 0) ended_by_ = "signal";
  }

  void drain() {
    ring_.drain([this](const zyphos::Pcapng::Packet& packet) { return keep(packet); });
  }

  bool keep(const zyphos::Pcapng::Packet& packet) {
    file_.add(packet);
    if (packets_ == 0) first_ns_ = packet.time_ns;
    last_ns_ = packet.time_ns;
    ++packets_;
    wire_bytes_ += packet.wire_bytes;
    if (packets_ == setting_.packets)
      ended_by_ = "packets";
    else if (file_.bytes().size() >= setting_.bytes)
      ended_by_ = "bytes";
    return ended_by_.empty() || ended_by_ == "signal" || ended_by_ == "time";
  }

  // What came before the end and is still in the ring belongs to it.
  void finish() {
    ring_.close_intake();
    const PacketRing::Counts counts = ring_.counts();
    const Time end = zyphos::clock_now() + kLast_ns;
    const bool whole = ended_by_ == "signal" || ended_by_ == "time";
    while (whole && packets_ + counts.dropped < counts.received && zyphos::clock_now() < end) {
      pollfd readable{ring_.fd(), POLLIN, 0};
      poll(&readable, 1, 10);
      drain();
    }
    file_.add_statistics(wall_ns(), counts.received, counts.dropped);
  }

  const Setting& setting_;
  PacketRing ring_;
  zyphos::Pcapng file_;
  std::string ended_by_;
  std::uint64_t packets_ = 0, wire_bytes_ = 0;
  std::int64_t first_ns_ = 0, last_ns_ = 0;
};

int run(const Setting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  auto ring = PacketRing::open(setting.ring);
  zyphos::JsonLine said;
  said.begin("", '{').text("event", ring ? "ready" : "skipped");
  if (!ring) said.text("reason", ring.error());
  print(said.end('}'));
  if (!ring) return 0;
  Capture capture(setting, std::move(*ring));
  capture.run(signals.get());
  capture.save();
  print(capture.result());
  return 0;
}

int refuse(const char* why) {
  zyphos::complain(kProgram, why);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Setting setting;
    const zyphos::Words words = words_of(setting);
    const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
    if (!usage.go_on) return usage.exit_code;
    if (setting.file.empty()) return refuse("file= says where to write");
    if (setting.ring.snap_bytes > kSnapMost) return refuse("snap_bytes is at most 65536");
    return run(setting);
  } catch (const std::exception& error) {
    zyphos::complain(kProgram, error.what());
    return 1;
  }
}
