#include "app/web/sending.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "memory/recycled.h"

namespace zyphos::web {
namespace {

// What has been read and is being sent.
struct Block final : Recycled<Block> {
  static constexpr std::size_t kBytes = 64 * 1024;

  static void release(void* owner) { delete static_cast<Block*>(owner); }

  std::array<std::byte, kBytes> bytes;
};

// As many as there are, up to bytes.size(); 0 also where it cannot be read.
std::size_t read_at(int fd, Bytes bytes, std::uint64_t offset) {
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n =
        ::pread(fd, bytes.data() + have, bytes.size() - have, static_cast<off_t>(offset + have));
    if (n <= 0 && errno == EINTR && n < 0) continue;
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

Given give_read(const OpenFile& file, ByteRange& range, Sink& sink) {
  while (range.size > 0) {
    if (sink.room() == 0) return Given::no_room;
    auto* block = new Block;
    Hold hold(&Block::release, block);
    const std::size_t n = std::min<std::uint64_t>(range.size, Block::kBytes);
    const Bytes bytes = Bytes(block->bytes).first(n);
    if (read_at(file.fd(), bytes, range.first) < n) return Given::failed;
    if (!sink.refer(bytes, std::move(hold))) return Given::no_room;
    range.first += n;
    range.size -= n;
  }
  return Given::all;
}

Given give_mapped(OpenFile& file, ByteRange& range, Sink& sink) {
  const ConstBytes all = file.map();
  if (all.empty()) return Given::failed;
  if (!sink.refer(all.subspan(range.first, range.size), file.held())) return Given::no_room;
  range.size = 0;
  return Given::all;
}

Given give_file(OpenFile& file, ByteRange& range, Sink& sink) {
  const FileRange part{.fd = file.fd(), .offset = range.first, .size = range.size};
  if (!sink.file(part, file.held())) return Given::no_room;
  range.size = 0;
  return Given::all;
}

}  // namespace

std::optional<Way> way_of(std::string_view name) {
  const auto found = std::ranges::find(kWays, name);
  if (found == kWays.end()) return {};
  return static_cast<Way>(found - kWays.begin());
}

Given give(OpenFile& file, ByteRange& range, Way way, Sink& sink) {
  if (range.size == 0) return Given::all;
  if (way == Way::mmap) return give_mapped(file, range, sink);
  if (way == Way::read || !sink.takes_files()) return give_read(file, range, sink);
  return give_file(file, range, sink);
}

std::optional<Given> give_small(OpenFile& file, const ByteRange& range, Way way,
                                const ResponseHead& head, Sink& sink) {
  const bool reads = way == Way::best || way == Way::read;
  if (!reads || range.size > kSmall_bytes_max) return {};
  std::array<std::byte, kSmall_bytes_max> bytes;
  const Bytes part = Bytes(bytes).first(range.size);
  if (read_at(file.fd(), part, range.first) < part.size()) return Given::failed;
  if (!sink.whole(head, part)) return {};
  return Given::all;
}

}  // namespace zyphos::web
