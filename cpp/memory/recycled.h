// Recycled<T>: a base that lets objects of class T be newed and deleted without the allocator in
// steady state: freed objects wait on a list of their thread for the next new.
//
// Thread safety: an object may be deleted on another thread than it was made on (it then waits
// there). A class derived further, of another size, goes to the ordinary allocator.
#pragma once

#include <cstddef>
#include <new>

namespace zyphos {

template <class T>
class Recycled {
 public:
  static void* operator new(std::size_t size) {
    auto& list = waiting();
    if (size != sizeof(T) || list.head == nullptr) return ::operator new(size);
    Node* node = list.head;
    list.head = node->next;
    return node;
  }

  static void operator delete(void* memory, std::size_t size) {
    auto& list = waiting();
    if (size != sizeof(T) || list.ended) {
      ::operator delete(memory, size);
      return;
    }
    list.head = ::new (memory) Node{list.head};
  }

 private:
  friend T;  // the only class that may derive from it
  Recycled() = default;
  ~Recycled() = default;

  struct Node {
    Node* next;
  };
  struct List {
    Node* head = nullptr;
    bool ended = false;
    ~List() {
      ended = true;
      while (head != nullptr) {
        Node* next = head->next;
        ::operator delete(head, sizeof(T));
        head = next;
      }
    }
  };

  static List& waiting() {
    static_assert(sizeof(T) >= sizeof(Node));
    thread_local List list;
    return list;
  }
};

}  // namespace zyphos
