// How many workers a pool of engine prefork should have, by how busy they were: a rule without a
// clock or a process.
//
// Thread safety: none; one owner.
#pragma once

namespace zyphos {

class WorkerPoolSize {
 public:
  WorkerPoolSize(unsigned least, unsigned most) : least_(least), most_(most) {}

  // `busy`: what the `active` ones have used of their time since the last look, added up: 2.0 is
  // two workers' whole time. How many there should be now, one more or one less at most.
  unsigned next(unsigned active, double busy) {
    const bool idle = active > least_ && busy < kBusyEnough * (active - 1);
    calm_ = idle ? calm_ + 1 : 0;
    if (active < most_ && busy > kTooBusy * active) return active + 1;
    if (calm_ < kLooksUntilCalm) return active;
    calm_ = 0;
    return active - 1;
  }

 private:
  static constexpr double kTooBusy = 0.75;        // of each one's time: one more
  static constexpr double kBusyEnough = 0.5;      // of each one's with one less: one less
  static constexpr unsigned kLooksUntilCalm = 5;  // in a row, so that a pause does not count

  unsigned least_;
  unsigned most_;
  unsigned calm_ = 0;
};

}  // namespace zyphos
