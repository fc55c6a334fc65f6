#include "tool/reference_words.h"

#include "reference/framing.h"

namespace zyphos {
namespace {

constexpr std::int64_t kNone = 0;

void delay_words(Words& words, reference::DelayOptions& delay) {
  words.add("delay.law", "constant, bimodal, pareto",
            [&delay](std::string_view value) -> Words::Result {
              if (value == "constant") {
                delay.law = reference::Law::constant;
              } else if (value == "bimodal") {
                delay.law = reference::Law::bimodal;
              } else if (value == "pareto") {
                delay.law = reference::Law::pareto;
              } else {
                return std::unexpected("must be one of constant bimodal pareto");
              }
              return {};
            });
  words.number("delay.delay_ns", "constant: every answer; bimodal: the quick ones", delay.delay_ns,
               kNone);
  words.number("delay.slow_ns", "bimodal: the slow ones", delay.slow_ns, kNone);
  words.real("delay.share", "bimodal: share of the slow ones", delay.share, 0.0);
  words.number("delay.scale_ns", "pareto: the least delay", delay.scale_ns, kNone);
  words.real("delay.shape", "pareto: the tail's exponent", delay.shape, 0.0);
  words.number("delay.most_ns", "pareto: the greatest delay", delay.most_ns, kNone);
}

void stall_words(Words& words, reference::StallOptions& stall) {
  words.number("stall.after_ns", "from the first request to the stall", stall.after_ns, kNone);
  words.number("stall.for_ns", "so long nothing is answered", stall.for_ns, kNone);
  words.number("stall.every_ns", "from one stall's start to the next's; 0: one only",
               stall.every_ns, kNone);
}

// A switch that is empty until it is given.
void maybe(Words& words, std::string key, std::string help, std::optional<bool>& out) {
  words.add(std::move(key), std::move(help), [&out](std::string_view value) -> Words::Result {
    if (value != "true" && value != "false") return std::unexpected("must be true or false");
    out = value == "true";
    return {};
  });
}

}  // namespace

Words reference_words(ReferenceSetting& setting) {
  reference::Options& options = setting.options;
  Words words;
  words.choice("protocol", "http1, echo", options.protocol, reference::protocol_names());
  add_listening(words, setting.listen);
  words.list("cpus", "the one thread runs on these", options.cpus);
  words.number("backlog", "of the listening socket", options.backlog, 1);
  words.number("message_bytes", "echo: size of a message", options.message_bytes, std::size_t{1});
  words.number("response_bytes", "size of an answer (echo: as the message; http1: 13)",
               options.response_bytes, std::size_t{0});
  delay_words(words, options.delay);
  words.number("work_ns", "so long each request keeps the processor busy", options.work_ns, kNone);
  stall_words(words, options.stall);
  words.real("rate_per_second", "so many answers a second, evenly, and no more",
             options.rate_per_second, 0.0);
  words.real("loss.share", "so many of the requests get no answer", options.loss.share, 0.0);
  words.flag("loss.close", "their connection is closed instead", options.loss.close);
  words.number("seed", "of whatever is random", options.seed, std::uint64_t{0});
  maybe(words, "busy_poll", "never sleep while there are connections", options.busy_poll);
  maybe(words, "truth", "keep the kernel's timestamps of every request", options.truth);
  words.flag("commands", "take `stall START_NS END_NS`, `truth START_NS END_NS` from stdin",
             setting.commands);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  return words;
}

}  // namespace zyphos
