// Sending: how the bytes of a file come to the connection's outbox. The choice between the ways is
// an option, because which costs least is a question (experiments/http1/static_files.yaml).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "app/web/file.h"
#include "protocol/handler.h"

namespace zyphos::web {

enum class Way : std::uint8_t {
  best,      // small ones read, the others sendfile where the engine can, else read
  sendfile,  // never in our memory
  mmap,      // sent from where it is mapped
  read,      // read into memory that is sent from
};

// In the order of Way.
inline constexpr std::array<std::string_view, 4> kWays{"best", "sendfile", "mmap", "read"};
// None: it is none of kWays.
std::optional<Way> way_of(std::string_view name);

enum class Given : std::uint8_t {
  all,
  no_room,  // some of it may have been given
  failed,   // it cannot be read: the file is shorter than it was
};

// Files up to so many bytes go out in one piece with their head.
inline constexpr std::size_t kSmall_bytes_max = 8 * 1024;

// Gives what is left of `range` to the sink, whose head is written; takes what it gives off the
// range.
Given give(OpenFile& file, ByteRange& range, Way way, Sink& sink);

// Head and all of a small range in one piece. None: too large, no room, or not by reading; nothing
// was given.
std::optional<Given> give_small(OpenFile& file, const ByteRange& range, Way way,
                                const ResponseHead& head, Sink& sink);

}  // namespace zyphos::web
