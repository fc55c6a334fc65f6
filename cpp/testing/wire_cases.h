// The cases of tests/wire as data: what a client sends and what it is answered (README.md there
// says how they read).
#pragma once

#include <string>
#include <vector>

namespace zyphos::testing {

struct WireResponse {
  int status = 0;
  bool head_only = false;
  int times = 1;
  bool any_body = true;
  std::string body;
  std::vector<std::string> fields;
  std::vector<std::string> without;
};

struct WireCase {
  std::string file;
  int line = 0;
  std::string name;
  std::string input;
  bool finish = false;
  std::vector<WireResponse> responses;
  std::string ending = "open";
  std::string error = "ok";
};

// All that stand in the .txt files of `folder`. Throws where one does not read.
std::vector<WireCase> read_wire_cases(const std::string& folder);

}  // namespace zyphos::testing
