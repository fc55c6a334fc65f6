#include "tool/datagram_words.h"

#include "tool/ordered_names.h"

namespace zyphos {

Words datagram_words(DatagramSetting& setting) {
  datagram::AnswerOptions& answer = setting.answer;
  datagram::AskOptions& ask = setting.ask;
  Words words;
  words.choice("role", "answer: sends each datagram back; ask: measures", setting.role,
               {"answer", "ask"});
  words.text("address", "to listen at, or to send to", setting.address);
  words.number("port", "UDP; answer: 0 takes a free one", setting.port, std::uint16_t{0});
  words.number("batch", "datagrams taken, or sent, at once, at most", setting.batch, 1U);
  words.flag("spin", "look again in place of sleeping", setting.spin);
  ordered(words, "by", "answer: recvmsg, recvmmsg, gro, uring, packet or xdp", answer.by,
          datagram::kByNames);
  words.text("interface", "answer by packet or xdp: where the frames come in", answer.interface);
  words.number("busy_poll_us", "answer: busy polling of the socket; 0: none", answer.busy_poll_us,
               0U);
  ordered(words, "xdp.mode", "native: in the driver; skb: behind it, everywhere", answer.xdp.mode,
          datagram::kXdpModeNames);
  ordered(words, "xdp.copy", "any, copy or zerocopy", answer.xdp.copy, datagram::kXdpCopyNames);
  words.flag("xdp.need_wakeup", "the kernel is called when it asks for it", answer.xdp.need_wakeup);
  words.number("xdp.frames", "of 2 KiB, a power of two", answer.xdp.frames, std::uint32_t{1});
  words.number("xdp.queue", "of the interface", answer.xdp.queue, std::uint32_t{0});
  ordered(words, "send", "ask: mmsg, or gso: trains of datagrams", ask.send, datagram::kSendNames);
  words.number("message_bytes", "ask: of each datagram", ask.message_bytes, std::uint64_t{1});
  words.number("in_flight", "ask: datagrams without an answer, at most", ask.in_flight, 1U);
  words.add("rate_per_second", "ask: by the clock; else as `in_flight` lets",
            [&ask](std::string_view value) -> Words::Result {
              Words one;
              double rate = 0;
              one.real("rate", "", rate, 0.0);
              const auto read = one.apply("rate", value);
              if (read) ask.rate_per_second = rate;
              return read;
            });
  words.number("warmup_ns", "ask: before the window", ask.warmup_ns, std::int64_t{0});
  words.number("window_ns", "ask: the measured window", ask.window_ns, std::int64_t{1});
  words.number("interval_ns", "ask: answers per interval; 0: one interval", ask.interval_ns,
               std::int64_t{0});
  words.number("deadline_ns", "ask: without an answer so long, it is lost", ask.deadline_ns,
               std::int64_t{1});
  words.list("cpus", "to pin this process to", setting.cpus);
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  words.flag("hold", "ask: after the end stay until stdin ends", setting.hold);
  return words;
}

std::string settle(DatagramSetting& setting) {
  if (setting.role.empty()) return "give role=answer or role=ask";
  const auto address = Address::parse(setting.address, setting.port);
  if (!address) return address.error();
  setting.answer.address = setting.ask.address = *address;
  setting.answer.batch = setting.ask.batch = setting.batch;
  setting.answer.spin = setting.ask.spin = setting.spin;
  return setting.role == "ask" ? complaint(setting.ask) : complaint(setting.answer);
}

}  // namespace zyphos
