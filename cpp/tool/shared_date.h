// An HttpDate in memory that processes forked from here on share: one of them sets it for all.
#pragma once

#include "base/http_date.h"

namespace zyphos {

class SharedDate {
 public:
  // std::system_error.
  SharedDate();
  ~SharedDate();
  SharedDate(const SharedDate&) = delete;
  SharedDate& operator=(const SharedDate&) = delete;

  HttpDate& get() { return *date_; }

 private:
  HttpDate* date_;
};

}  // namespace zyphos
