#include "tool/link_words.h"

#include <net/if.h>

#include <charconv>
#include <memory>
#include <utility>

namespace zyphos {
namespace {

using link::PathOptions;

constexpr std::size_t kNameMost = IFNAMSIZ - 1 - std::string_view("-right").size();

// A probability.
void share(Words& words, std::string key, std::string help, double& out) {
  words.add(std::move(key), std::move(help), [&out](std::string_view value) -> Words::Result {
    double number = 0.0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || !(number >= 0) ||
        number > 1) {
      return std::unexpected("must be a share, from 0 to 1");
    }
    out = number;
    return {};
  });
}

template <class Law>
using Names = std::vector<std::pair<std::string_view, Law>>;

template <class Law>
void law(Words& words, std::string key, Law& out, Names<Law> names) {
  std::string all;
  for (const auto& [name, law] : names) all += (all.empty() ? "" : " ") + std::string(name);
  words.add(std::move(key), all, [&out, names = std::move(names), all](std::string_view value) {
    for (const auto& [name, law] : names) {
      if (name != value) continue;
      out = law;
      return Words::Result{};
    }
    return Words::Result(std::unexpected("must be one of " + all));
  });
}

void delay_words(Words& words, const std::string& way, PathOptions& path) {
  constexpr std::int64_t kNone = 0;
  words.number(way + "delay_ns", "one way", path.delay_ns, kNone);
  words.number(way + "jitter_ns", "around it; uniform: at most, else: standard deviation",
               path.jitter_ns, kNone);
  law(words, way + "jitter_law", path.jitter_law,
      Names<link::JitterLaw>{{"uniform", link::JitterLaw::uniform},
                             {"normal", link::JitterLaw::normal},
                             {"pareto", link::JitterLaw::pareto}});
  words.flag(way + "keep_order", "jitter never lets a packet overtake", path.keep_order);
  share(words, way + "reorder", "so many pass the delay", path.reorder);
  words.number(way + "reorder_gap", "of every so many packets one may pass", path.reorder_gap,
               std::uint64_t{1});
  share(words, way + "duplicate", "so many come twice", path.duplicate);
  share(words, way + "corrupt", "of so many a bit is flipped", path.corrupt);
  words.number(way + "mtu", "larger packets vanish; 0: mtu", path.mtu, std::uint32_t{0});
}

void rate_words(Words& words, const std::string& way, PathOptions& path) {
  words.number(way + "rate_bits_per_second", "of IP packets; 0: no limit",
               path.rate_bits_per_second, std::uint64_t{0});
  words.add(way + "trace", "instead of a rate: a file of mahimahi's format",
            [&path](std::string_view value) -> Words::Result {
              auto trace = link::read_trace(std::string(value));
              if (!trace) return std::unexpected(trace.error());
              path.trace = std::make_shared<const link::Trace>(*std::move(trace));
              return {};
            });
  words.number(way + "queue_packets", "that may wait for the rate; default: no limit",
               path.queue_packets, std::uint64_t{0});
  words.number(way + "queue_bytes", "that may wait for the rate; default: no limit",
               path.queue_bytes, std::uint64_t{0});
}

void aqm_words(Words& words, const std::string& way, PathOptions& path) {
  law(words, way + "aqm", path.aqm,
      Names<link::Aqm>{{"none", link::Aqm::none},
                       {"codel", link::Aqm::codel},
                       {"pie", link::Aqm::pie},
                       {"red", link::Aqm::red}});
  words.number(way + "codel_target_ns", "so long may packets wait", path.codel_target_ns,
               std::int64_t{1});
  words.number(way + "codel_interval_ns", "for so long they may wait longer",
               path.codel_interval_ns, std::int64_t{1});
  words.number(way + "pie_target_ns", "so long may packets wait", path.pie_target_ns,
               std::int64_t{1});
  words.number(way + "pie_period_ns", "of its controller", path.pie_period_ns, std::int64_t{1});
  words.number(way + "pie_burst_ns", "after silence, nothing is dropped so long", path.pie_burst_ns,
               std::int64_t{0});
  words.number(way + "red_min_packets", "so many may wait, on average", path.red_min_packets,
               std::uint64_t{0});
  words.number(way + "red_max_packets", "with so many all are dropped", path.red_max_packets,
               std::uint64_t{1});
  share(words, way + "red_probability", "of a drop near red_max_packets", path.red_probability);
  share(words, way + "red_weight", "of an arrival in the average", path.red_weight);
  words.flag(way + "ecn", "mark what can be marked instead of dropping it", path.ecn);
}

void loss_words(Words& words, const std::string& way, PathOptions& path) {
  law(words, way + "loss_law", path.loss_law,
      Names<link::LossLaw>{{"random", link::LossLaw::random},
                           {"gilbert-elliott", link::LossLaw::gilbert_elliott},
                           {"index", link::LossLaw::index}});
  share(words, way + "loss", "random: so many are lost", path.loss);
  share(words, way + "loss_p", "gilbert-elliott: from good to bad, with each packet", path.loss_p);
  share(words, way + "loss_r", "gilbert-elliott: from bad to good", path.loss_r);
  share(words, way + "loss_good", "gilbert-elliott: so many are lost in good", path.loss_good);
  share(words, way + "loss_bad", "gilbert-elliott: so many are lost in bad", path.loss_bad);
  words.list(way + "loss_indices", "index: these packets are lost; the first is 1",
             path.loss_indices);
}

void path_words(Words& words, const std::string& way, PathOptions& path) {
  delay_words(words, way, path);
  rate_words(words, way, path);
  aqm_words(words, way, path);
  loss_words(words, way, path);
}

}  // namespace

Words link_words(LinkSetting& setting) {
  link::EmulatorOptions& emulator = setting.emulator;
  Words words;
  words.text("left_netns", "path of a network namespace; default: the program's own",
             setting.left_netns);
  words.text("right_netns", "the same for the right end", setting.right_netns);
  words.text("name", "of the interfaces: NAME-left and NAME-right", setting.name);
  words.number("mtu", "of both interfaces", emulator.mtu, std::uint32_t{68});
  words.number("tx_queue_packets", "that wait in an interface to be read", setting.tx_queue_packets,
               1);
  words.number("seed", "of whatever is random", emulator.seed, std::uint64_t{0});
  words.number("memory_bytes", "of packets under way", emulator.memory_bytes, std::size_t{1} << 20);
  words.flag("poll", "never sleep; wants a CPU of its own", emulator.poll);
  words.list("cpus", "the one thread runs on these", setting.cpus);
  words.number("fifo_priority", "of SCHED_FIFO; 0: the ordinary scheduler", setting.fifo_priority,
               0);
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.number("stop_fd", "descriptor whose end stops the program", setting.stop_fd, 0);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  path_words(words, "forward.", emulator.forward);
  path_words(words, "backward.", emulator.backward);
  return words;
}

std::string complaint(const LinkSetting& setting) {
  if (setting.name.empty() || setting.name.size() > kNameMost ||
      setting.name.find_first_of("/ :%") != std::string::npos) {
    return "name=" + setting.name + ": must have 1 to " + std::to_string(kNameMost) +
           " characters, none of them '/', ':', '%' or a blank";
  }
  if (setting.emulator.mtu > 65535) return "mtu must be at most 65535";
  for (const auto direction : {link::Direction::forward, link::Direction::backward}) {
    const bool forward = direction == link::Direction::forward;
    const auto said = complaint(forward ? setting.emulator.forward : setting.emulator.backward);
    if (!said.empty()) return std::string(direction_name(direction)) + ": " + said;
  }
  return "";
}

}  // namespace zyphos
