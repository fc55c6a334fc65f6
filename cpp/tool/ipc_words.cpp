#include "tool/ipc_words.h"

#include "tool/ordered_names.h"

namespace zyphos {
Words ipc_words(IpcSetting& setting) {
  ipc::AskOptions& ask = setting.ask;
  Words words;
  words.choice("role", "answer: waits for the other, and answers; ask: measures", setting.role,
               {"answer", "ask"});
  words.number("port", "a number that both know, no network's; answer: 0 takes a free one",
               setting.port, std::uint16_t{0});
  ordered(words, "by", "pipe, unix_stream, unix_seqpacket, unix_dgram, eventfd, futex or spin",
          ask.channel.by, ipc::kByNames);
  ordered(words, "pattern", "ping_pong: each message is answered; stream: one way",
          ask.channel.pattern, ipc::kPatternNames);
  words.number("message_bytes", "of each", ask.channel.message_bytes, std::uint64_t{1});
  words.number("buffer_bytes", "each way", ask.channel.buffer_bytes, std::uint64_t{1});
  words.number("spins", "looks before who waits at a ring sleeps", ask.channel.spins,
               std::uint64_t{0});
  words.number("warmup_ns", "messages before the window", ask.warmup_ns, std::int64_t{0});
  words.number("window_ns", "the measured window", ask.window_ns, std::int64_t{1});
  words.number("interval_ns", "messages per interval; 0: one interval", ask.interval_ns,
               std::int64_t{0});
  words.number("deadline_ns", "of an answer, from its message", ask.deadline_ns, std::int64_t{1});
  words.list("cpus", "to pin this process to", setting.cpus);
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  words.flag("hold", "after the end stay until stdin ends", setting.hold);
  return words;
}

}  // namespace zyphos
