// TableReader: a head by the automaton (head_automaton.h). It goes from one character to the next
// and never back: what is needed of the way is where its elements began and ended. So a head that
// trickles in is gone on with at the very byte where it stopped.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/http1/head_automaton.h"
#include "protocol/http1/head_reader.h"

namespace zyphos::http1 {

class TableReader : public HeadReader {
 public:
  using HeadReader::HeadReader;

 protected:
  void start(HeadState from);
  // Up to and with the empty line; false: state_ says why it stopped.
  bool walk();
  // What was gone already is not gone again. At its end the fields of all of it are there.
  void resume_walk(const HeadProgress& progress);
  void keep_walk(HeadProgress& to) const;
  void complete_fields(const HeadProgress& progress);

  // Empty before they have come.
  std::string_view method() const { return {begin_, method_end_}; }
  std::string_view target() const {
    return target_end_ > method_end_ ? std::string_view(method_end_ + 1, target_end_)
                                     : std::string_view();
  }
  std::string_view absolute_authority() const { return absolute_authority_; }
  std::uint16_t status() const { return status_; }

 private:
  using Step = AutomatonStep<HeadDo>;

  bool field_end(const char* lf);
  bool start_line(HeadDo action, const char* at);
  bool other_target();
  bool status_code(const char* last);
  bool stop_at(const char* at, Step step);
  std::size_t offset(const char* at) const { return static_cast<std::size_t>(at - begin_); }

  // Of the walk, where it stands between two readings.
  Step step_;
  const char* method_end_;
  const char* target_end_;
  const char* name_end_;
  std::uint16_t status_;
  std::string_view absolute_authority_;
};

// asterisk-form, authority-form or absolute-form of this method (RFC 9112, 3.2)? `authority` is
// what the target itself names, if it does.
bool is_other_target(std::string_view method, std::string_view target, std::string_view& authority);

}  // namespace zyphos::http1
