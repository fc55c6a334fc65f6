// zyphos-attack: attacks a server in a run's own network namespaces, and nothing else; or, with
// kind=syn_filter in the server's namespace, filters such an attack (XDP). Prints one
// JSON line, {"sent": N, "failed": N, "ended": N, "dropped": N}, at the end or when SIGTERM has
// come; exit 0. Exit 1: the kernel refused; 2: usage, and whatever is not a run's own network.
#include <array>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "attack/attack.h"
#include "net/clock.h"
#include "probe/syn_filter.h"
#include "tool/process.h"

namespace {

using zyphos::attack::Kind;
using zyphos::attack::Sequence;

constexpr const char* kProgram = "zyphos-attack";
constexpr std::array<std::pair<std::string_view, Kind>, 6> kKinds{{{"syn_flood", Kind::syn_flood},
                                                                   {"reset", Kind::reset},
                                                                   {"greedy", Kind::greedy},
                                                                   {"slow_head", Kind::slow_head},
                                                                   {"slow_body", Kind::slow_body},
                                                                   {"slow_read", Kind::slow_read}}};

struct Setting {
  zyphos::attack::Options options;
  std::string kind = "syn_flood";
  std::string sequence = "exact";
  std::string interface = "zy0";
  bool parent_death = false;
};

zyphos::Words words_of(Setting& setting) {
  zyphos::attack::Options& options = setting.options;
  zyphos::Words words;
  words.choice(
      "kind", "what is done", setting.kind,
      {"syn_flood", "reset", "greedy", "slow_head", "slow_body", "slow_read", "syn_filter"});
  words.choice("sequence", "of forged resets", setting.sequence, {"exact", "window", "blind"});
  words.text("netns", "the attacker's, of a run: /run/netns/zy-...", options.netns);
  words.text("interface", "that syn_filter filters", setting.interface);
  words.text("address", "the server's, of 198.18.0.0/15", options.address);
  words.number("port", "the server's", options.port, std::uint16_t{1});
  words.real("rate", "packets (greedy: requests; slow: bytes) a second, at most 200000",
             options.rate, 0.0);
  words.number("connections", "of slow attacks, at most 10000", options.connections,
               std::uint32_t{1});
  words.number("start_ns", "CLOCK_MONOTONIC; default: now", options.start_ns, std::int64_t{0});
  words.number("for_ns", "at most 60 s", options.for_ns, std::int64_t{1});
  words.number("seed", "of sources, ports and sequence numbers", options.seed, std::uint64_t{0});
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  return words;
}

// SYNs that the filter dropped until the attack is over.
std::uint64_t filter(const Setting& setting, int stop_fd) {
  enter(setting.options);
  const auto attached = zyphos::SynFilter::attach(setting.interface);
  if (!attached) throw std::runtime_error(attached.error());
  zyphos::attack::stopped({setting.options.start_ns + setting.options.for_ns}, stop_fd);
  return (*attached)->dropped();
}

int attack(Setting& setting) {
  const zyphos::Fd signals = zyphos::signals_as_fd();
  if (setting.parent_death) zyphos::die_with_parent();
  if (setting.options.start_ns == 0) setting.options.start_ns = zyphos::clock_now().ns;
  zyphos::attack::Done done;
  std::uint64_t dropped = 0;
  if (setting.kind == "syn_filter") {
    dropped = filter(setting, signals.get());
  } else {
    done = carry_out(setting.options, signals.get());
  }
  const std::string line = "{\"sent\": " + std::to_string(done.sent) +
                           ", \"failed\": " + std::to_string(done.failed) +
                           ", \"ended\": " + std::to_string(done.ended) +
                           ", \"dropped\": " + std::to_string(dropped) + "}\n";
  std::fputs(line.c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Setting setting;
    const zyphos::Words words = words_of(setting);
    const zyphos::Usage usage = zyphos::read_words(words, argc, argv, kProgram);
    if (!usage.go_on) return usage.exit_code;
    for (const auto& [name, kind] : kKinds) {
      if (setting.kind == name) setting.options.kind = kind;
    }
    if (setting.sequence == "window") setting.options.sequence = Sequence::window;
    if (setting.sequence == "blind") setting.options.sequence = Sequence::blind;
    if (const std::string wrong = refusal(setting.options); !wrong.empty()) {
      zyphos::complain(kProgram, wrong);
      return 2;
    }
    return attack(setting);
  } catch (const std::exception& error) {
    zyphos::complain(kProgram, error.what());
    return 1;
  }
}
