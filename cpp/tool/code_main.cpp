// zyphos-code: runs a pure code path many times and says how long an iteration took, or lets
// callgrind count it. `zyphos-code list` names the paths; with words, one JSON line on stdout.
//
// With `counted=true` zyphos_code_measured is called three times: a warm-up of `iterations`, then
// the same, then twice as many. callgrind collects in that function alone (--toggle-collect) and
// dumps after each call, so that the third less the second is `iterations` iterations and nothing
// else. Exit 1: iterations did not agree; 2: usage, or an input that the path refuses.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/json.h"
#include "net/clock.h"
#include "tool/code_library.h"
#include "tool/code_path.h"
#include "tool/process.h"
#include "tool/words.h"

// By this name callgrind knows it. Returns the sum of what the iterations returned.
extern "C" __attribute__((noinline, visibility("default"))) std::uint64_t zyphos_code_measured(
    zyphos::CodePath& path, std::uint64_t iterations) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < iterations; ++i) sum += path.run();
  return sum;
}

namespace {

constexpr const char* kProgram = "zyphos-code";

struct Setting {
  std::string code;
  std::string library;
  std::string symbol = "zyphos_code";
  std::string input;
  std::uint64_t iterations = 1000;
  std::int64_t warmup_ns = 0;
  std::int64_t window_ns = zyphos::kSecond_ns / 10;
  bool counted = false;
  bool parent_death = false;
};

zyphos::Words words_of(Setting& setting) {
  zyphos::Words words;
  words.text("code", "name of a code path (zyphos-code list)", setting.code);
  words.text("library", "a shared library in its place", setting.library);
  words.text("symbol", "its function: int f(const unsigned char* in, size_t n)", setting.symbol);
  words.text("input", "file; none: no bytes", setting.input);
  words.number("iterations", "between two looks at the clock", setting.iterations,
               std::uint64_t{1});
  words.number("warmup_ns", "unmeasured before", setting.warmup_ns, std::int64_t{0});
  words.number("window_ns", "measured at least so long", setting.window_ns, std::int64_t{1});
  words.flag("counted", "no clock: a warm-up, `iterations`, and twice as many, for callgrind",
             setting.counted);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  return words;
}

int list() {
  for (const auto& path : zyphos::code_paths()) {
    std::printf("%-22s%s\n", std::string(path.name).c_str(), std::string(path.help).c_str());
  }
  return std::fflush(stdout) == 0 ? 0 : 1;
}

class UsageError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The input with what readers may look at behind it.
std::vector<std::byte> read_input(const std::string& name, std::size_t& size) {
  std::string text;
  if (!name.empty()) {
    std::ifstream file(name, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
    if (!file) throw UsageError("input=" + name + ": cannot be read");
  }
  size = text.size();
  std::vector<std::byte> bytes(size + zyphos::kReadPadding);
  std::ranges::copy(zyphos::as_bytes(text), bytes.begin());
  return bytes;
}

std::unique_ptr<zyphos::CodePath> path_of(const Setting& setting, zyphos::Bytes input) {
  if (setting.code.empty() == setting.library.empty()) {
    throw UsageError("give code= or library=, one of them");
  }
  if (!setting.library.empty()) {
    auto made = zyphos::code_from_library(setting.library, setting.symbol, input);
    if (!made) throw UsageError(made.error());
    return std::move(*made);
  }
  const auto found = zyphos::find_code_path(setting.code);
  if (!found) throw UsageError(found.error());
  return (*found)->make(input);
}

// The widest instructions that code and libraries which ask the CPU can use here. Under valgrind
// that is less than the CPU has.
const char* instruction_set() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw")) return "avx512";
  if (__builtin_cpu_supports("avx2")) return "avx2";
  if (__builtin_cpu_supports("sse4.2")) return "sse4.2";
  return "sse2";
#elif defined(__aarch64__)
  return "neon";
#else
  return "scalar";
#endif
}

struct Timed {
  std::uint64_t iterations = 0;
  std::int64_t elapsed_ns = 0;
  std::int64_t cpu_ns = 0;
};

class Run {
 public:
  Run(const Setting& setting, zyphos::CodePath& path) : setting_(setting), path_(path) {
    first_ = path.run();  // an input that it refuses is refused here
  }

  void counted() {
    for (const std::uint64_t times : {1, 1, 2}) batch(times * setting_.iterations);
  }

  Timed timed() {
    lasting(setting_.warmup_ns);
    return lasting(setting_.window_ns);
  }

  std::uint64_t result() const { return first_; }

 private:
  void batch(std::uint64_t iterations) {
    if (zyphos_code_measured(path_, iterations) != first_ * iterations) {
      throw std::runtime_error("the iterations gave different results");
    }
  }

  Timed lasting(std::int64_t time_ns) {
    Timed result;
    const std::int64_t cpu_ns = zyphos::thread_cpu_ns();
    const zyphos::Time start = zyphos::clock_now();
    while (result.elapsed_ns < time_ns) {
      batch(setting_.iterations);
      result.iterations += setting_.iterations;
      result.elapsed_ns = zyphos::clock_now() - start;
    }
    result.cpu_ns = zyphos::thread_cpu_ns() - cpu_ns;
    return result;
  }

  const Setting& setting_;
  zyphos::CodePath& path_;
  std::uint64_t first_ = 0;
};

int measure(const Setting& setting) {
  if (setting.parent_death) zyphos::die_with_parent();
  std::size_t size = 0;
  std::vector<std::byte> bytes = read_input(setting.input, size);
  const auto path = path_of(setting, zyphos::Bytes(bytes).first(size));
  Run run(setting, *path);
  zyphos::JsonLine json;
  json.begin("", '{').text("code", setting.code).text("library", setting.library);
  json.number("bytes_per_iteration", static_cast<std::uint64_t>(size));
  json.number("result", run.result()).text("instruction_set", instruction_set());
  if (setting.counted) {
    run.counted();
    json.number("iterations", setting.iterations);
  } else {
    const Timed timed = run.timed();
    json.number("iterations", timed.iterations).number("elapsed_ns", timed.elapsed_ns);
    json.number("cpu_ns", timed.cpu_ns);
  }
  std::printf("%s\n", json.end('}').line().c_str());
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "list") return list();
  try {
    Setting setting;
    const zyphos::Usage usage = zyphos::read_words(words_of(setting), argc, argv, kProgram);
    if (!usage.go_on) return usage.exit_code;
    return measure(setting);
  } catch (const UsageError& error) {
    zyphos::complain(kProgram, error.what());
    return 2;
  } catch (const zyphos::CodeRefused& error) {
    zyphos::complain(kProgram, std::string("the input has ") + error.what());
    return 2;
  } catch (const std::exception& error) {
    zyphos::complain(kProgram, error.what());
    return 1;
  }
}
