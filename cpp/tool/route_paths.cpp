#include "tool/route_paths.h"

#include <algorithm>
#include <sstream>

#include "base/random.h"
#include "route/samples.h"

namespace zyphos {
namespace {

struct Sample {
  std::vector<std::string> lines;
  std::size_t used = 0;  // 0: all
};

std::vector<std::string> lines_of(std::istringstream& text) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

Sample sample_of(Bytes input) {
  std::istringstream text{std::string(as_text(input))};
  std::string what;
  Sample sample;
  std::size_t count = 0;
  text >> what;
  if (what == "matchit") {
    sample.lines = route::matchit_lines();
  } else if (what == "made" && text >> count >> sample.used) {
    sample.lines = route::made_routes(count);
  } else if (what == "exploding" && text >> count) {
    sample.lines = route::exploding_routes(count);
  } else {
    text = std::istringstream{std::string(as_text(input))};
    sample.lines = lines_of(text);
  }
  if (sample.lines.empty()) throw CodeRefused("no routes");
  return sample;
}

route::Table read_table(const Sample& sample) {
  auto table = route::Table::make(route::routes_of(sample.lines));
  if (!table) throw CodeRefused("routes that are refused: " + table.error().front());
  return std::move(*table);
}

std::unique_ptr<route::Router> made_router(route::Kind kind, const route::Table& table) {
  auto router = route::make_router(kind, table);
  if (!router) throw CodeRefused("routes that are refused: " + router.error());
  return std::move(*router);
}

class LookupPath final : public CodePath {
 public:
  LookupPath(route::Kind kind, const Sample& sample)
      : table_(read_table(sample)), router_(made_router(kind, table_)) {
    for (const std::string& line : sample.lines) {
      paths_.emplace_back(route::path_for(std::string_view(line).substr(line.find(' ') + 1), "x"));
    }
    Random random(1);
    if (sample.used > 0 || paths_.size() > route::kMatchitRoutes.size()) {
      std::ranges::shuffle(paths_, random);
    }
    if (sample.used > 0 && sample.used < paths_.size()) {
      paths_.erase(paths_.begin() + static_cast<std::ptrdiff_t>(sample.used), paths_.end());
    }
  }

  std::uint64_t run() override {
    route::Match match;
    router_->find(route::Method::get, paths_[at_].view(), match);
    if (++at_ == paths_.size()) at_ = 0;
    return match.outcome == route::Outcome::found ? 1 : 0;
  }

 private:
  route::Table table_;
  std::unique_ptr<route::Router> router_;
  std::vector<route::PaddedPath> paths_;
  std::size_t at_ = 0;
};

class BuildPath final : public CodePath {
 public:
  BuildPath(route::Kind kind, const Sample& sample) : kind_(kind), table_(read_table(sample)) {}

  std::uint64_t run() override {
    return made_router(kind_, table_)->memory_bytes() / table_.routes().size();
  }

 private:
  route::Kind kind_;
  route::Table table_;
};

}  // namespace

std::unique_ptr<CodePath> route_lookup(route::Kind kind, Bytes input) {
  return std::make_unique<LookupPath>(kind, sample_of(input));
}

std::unique_ptr<CodePath> route_build(route::Kind kind, Bytes input) {
  return std::make_unique<BuildPath>(kind, sample_of(input));
}

}  // namespace zyphos
