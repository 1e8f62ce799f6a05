// SPDX-License-Identifier: MIT
// A long listing as answers that each fit a frame.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "wire/local.hpp"

namespace coord::replica {

// Fills answers of one kind and begins the next when one is full.
template <class Page>
class Pages {
 public:
  Pages(Page empty, std::size_t page_bytes)
      : empty_(std::move(empty)), page_bytes_(page_bytes), page_(empty_) {}

  Page& page() { return page_; }
  // So many bytes are about to be added: true if to a page that is new.
  bool make_room(std::size_t bytes) {
    whole_ += bytes;
    const bool turn = filled_ > 0 && filled_ + bytes > page_bytes_;
    if (turn) {
      page_.more = true;
      done_.emplace_back(std::exchange(page_, empty_));
      filled_ = 0;
    }
    filled_ += bytes;
    return turn;
  }
  std::size_t whole() const { return whole_; }
  std::vector<local::Answer> take() {
    done_.emplace_back(std::move(page_));
    return std::move(done_);
  }

 private:
  Page empty_;
  std::size_t page_bytes_;
  Page page_;
  std::size_t filled_ = 0, whole_ = 0;
  std::vector<local::Answer> done_;
};

}  // namespace coord::replica
