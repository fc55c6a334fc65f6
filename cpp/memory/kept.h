// Kept<T>: where objects wait, whole, for their next use: last in, first out. T has a member
// `T* next` for it. (Recycled<T> keeps their memory alone, and for a thread.)
//
// Thread safety: none. Cost: a few instructions; allocates nothing.
#pragma once

#include <utility>

namespace zyphos {

template <class T>
class Kept {
 public:
  Kept() = default;
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;
  ~Kept() {
    while (T* object = take()) delete object;
  }

  // nullptr: none waits.
  T* take() {
    T* object = first_;
    if (object != nullptr) first_ = object->next;
    return object;
  }
  // Takes over an object made by `new`.
  void give(T* object) { object->next = std::exchange(first_, object); }

 private:
  T* first_ = nullptr;
};

}  // namespace zyphos
