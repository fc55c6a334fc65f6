// A pcapng file of one interface, made in memory: draft-ietf-opsawg-pcapng, in this machine's byte
// order. Knows neither sockets nor files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace zyphos {

class Pcapng {
 public:
  struct Interface {
    std::string name;
    std::uint16_t link_type = 1;  // LINKTYPE_ETHERNET; 101 is LINKTYPE_RAW
    std::uint32_t snap_bytes = 0;
    std::string filter = {};   // in words; may be empty
    std::string comment = {};  // of the whole file; may be empty
  };
  struct Packet {
    std::int64_t time_ns = 0;  // since 1970
    std::uint32_t wire_bytes = 0;
    bool outgoing = false;
    ConstBytes data;  // what was kept of it
  };

  explicit Pcapng(const Interface& interface);
  // Cost: the bytes kept, copied once, and some 50 more.
  void add(const Packet& packet);
  // What the interface counted, at the file's end.
  void add_statistics(std::int64_t time_ns, std::uint64_t received, std::uint64_t dropped);

  const std::string& bytes() const { return out_; }

 private:
  void number(std::uint64_t value, int size);
  void option(std::uint16_t code, std::string_view value);
  void number_option(std::uint16_t code, std::uint64_t value, int size);
  void time(std::int64_t time_ns);
  void pad();
  void begin(std::uint32_t type);
  void end();

  std::string out_;
  std::size_t block_ = 0;  // where the block under way begins
};

}  // namespace zyphos
