// SPDX-License-Identifier: MIT
// A model puts one pure protocol into the simulator: it is the App of sim/app.hpp and besides
//
//   struct MyModel : Model<MyModel> {
//     explicit MyModel(const Setup&);
//     ... Node, Message, Input, Job, start, on_message, on_input, deadline, on_tick, describe as in an App
//     std::string_view type_of(const Message&) const;      // a literal; for counting
//     void ask(OperationId, NodeId node) override;         // the user at `node` wants one:
//     world().input(...)
//     ... and what it needs of the other virtual functions of RunnableModel
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

// All that a run needs of a model: see runner.hpp.
class RunnableModel {
 public:
  virtual ~RunnableModel() = default;

  Book& book() { return book_; }
  const Book& book() const { return book_; }

  virtual void ask(OperationId operation, NodeId node) = 0;
  virtual void watch() {}  // adds the invariants to world(), before anything starts
  // What was promised for the end and did not happen; by default all operations must be over.
  virtual std::optional<std::string> at_end();
  // For people: who waits for whom.
  virtual std::vector<std::string> remarks() const { return {}; }
  // What it has brought about besides the faults, by name.
  virtual std::vector<std::string> situations() const { return {}; }
  // It sends for ever: do not wait for silence.
  virtual bool never_idle() const { return false; }

 private:
  Book book_;
};

template <class Derived>
class Model : public RunnableModel {
 public:
  using World = sim::World<Derived>;

  World& world() {
    COORD_CHECK(world_ != nullptr);
    return *world_;
  }
  const World& world() const { return const_cast<Model*>(this)->world(); }
  void attach(World& world) { world_ = &world; }  // by the runner, before anything else

  // The world's hooks.
  template <class Message>
  void on_send(NodeId, NodeId, const Message& message) {
    book().sent(static_cast<const Derived&>(*this).type_of(message));
  }
  void on_crash(NodeId node) { book().crashed(node); }

 private:
  World* world_ = nullptr;
};

}  // namespace coord::catalogue
