// A model puts one pure protocol into the simulator: it is the App of sim/app.hpp and besides
//
//   struct MyModel : Model<MyModel> {
//     explicit MyModel(const Setup&);
//     ... Node, Message, Input, Job, start, on_message, on_input, deadline, on_tick, describe as in an App
//     ... std::string_view type_of(const Message&) const;      // a literal; for counting void
//     ask(OperationId, NodeId node);                  // the user at `node` wants one: mostly
//     world().input(...) void watch();                                        // optional: adds the
//     invariants to world() std::optional<std::string> at_end();                 // optional: what was
//     promised for the end and did not
//                                                          //   happen; else: all operations must be over
//     std::vector<std::string> remarks() const;            // optional, for people: who waits for whom
//     void on_crash(NodeId);                               // optional; then call Model's
//     static constexpr bool never_idle = true;             // optional: it sends for ever, do not wait for
//     silence
//   };
//
// It tells book() when an operation begins, is answered and is over.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "catalogue/book.hpp"
#include "catalogue/setup.hpp"
#include "sim/world.hpp"

namespace coord::catalogue {

template <class Derived>
class Model {
 public:
  using World = sim::World<Derived>;

  Book& book() { return book_; }
  const Book& book() const { return book_; }
  World& world() {
    COORD_CHECK(world_ != nullptr);
    return *world_;
  }
  const World& world() const { return const_cast<Model*>(this)->world(); }
  void attach(World& world) { world_ = &world; }  // by the runner, before anything else

  // The world's hooks.
  template <class Message>
  void on_send(NodeId, NodeId, const Message& message) {
    book_.sent(static_cast<const Derived&>(*this).type_of(message));
  }
  void on_crash(NodeId node) { book_.crashed(node); }

  void watch() {}
  std::optional<std::string> at_end() {
    const std::uint64_t left = book_.unfinished();
    if (left == 0) return std::nullopt;
    return std::to_string(left) + " of " + std::to_string(book_.operations().size()) +
           " operations never ended";
  }
  std::vector<std::string> remarks() const { return {}; }
  static constexpr bool never_idle = false;

 private:
  Book book_;
  World* world_ = nullptr;
};

}  // namespace coord::catalogue
