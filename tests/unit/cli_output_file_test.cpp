// SPDX-License-Identifier: MIT
// Files that a user names for our output, in directories that belong to others.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/output_file.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace coord::cli;
namespace fs = std::filesystem;

namespace {

struct Place {
  TemporaryDirectory directory;
  std::string at(const std::string& name) const { return directory.path() + "/" + name; }
  std::string text(const std::string& name) const {
    std::ifstream in(at(name));
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string written(const std::string& path, const std::string& text = "new") const {
    const auto file = open_output_file(path, "report");
    if (!file) return file.error().what;
    const Status written = write_output_file(*file, text, "report");
    return written ? "" : written.error().what;
  }
  void link(const std::string& target, const std::string& name, uid_t owner) const {
    fs::create_symlink(target, at(name));
    REQUIRE(::lchown(at(name).c_str(), owner, static_cast<gid_t>(-1)) == 0);
  }
};

constexpr const char* foreign_link = "its path has a symbolic link of another user's";

}  // namespace

TEST_CASE("a file is made or emptied, through links of one's own as well") {
  const Place place;
  CHECK(place.written(place.at("new")) == "");
  CHECK(place.text("new") == "new");
  std::ofstream(place.at("old")) << "longer than that";
  fs::create_directory(place.at("d"));
  fs::create_symlink("../old", place.at("d/link"));
  fs::create_symlink("d", place.at("way"));
  CHECK(place.written(place.at("way/link")) == "");
  CHECK(place.text("old") == "new");
  fs::create_symlink(place.at("made"), place.at("dangling"));
  CHECK(place.written(place.at("dangling")) == "");
  CHECK(place.text("made") == "new");
  CHECK(place.written("/dev/null") == "");
  CHECK(place.written("/dev/full") == "No space left on device");
  const fs::path before = fs::current_path();
  fs::current_path(place.directory.path());
  CHECK(place.written("relative") == "");
  CHECK(place.written("./d/../d//deeper") == "");
  fs::current_path(before);
  CHECK(place.text("relative") == "new");
  CHECK(place.text("d/deeper") == "new");
}

TEST_CASE("an open file is reached by its name in /proc") {
  const Place place;
  const Descriptor file(::open(place.at("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  CHECK(place.written("/proc/self/fd/" + std::to_string(file.get())) == "");
  CHECK(place.text("file") == "new");
}

TEST_CASE("what cannot be a file is an error") {
  const Place place;
  CHECK(place.written("") == "No such file or directory");
  CHECK(place.written("/") == "Is a directory");
  CHECK(place.written(place.directory.path()) == "Is a directory");
  CHECK(place.written(place.at("none/report")) == "No such file or directory");
  fs::create_symlink("loop", place.at("loop"));
  CHECK(place.written(place.at("loop")) == "Too many levels of symbolic links");
  std::ofstream(place.at("file")) << "";
  CHECK(place.written(place.at("file/report")) == "Not a directory");
}

TEST_CASE("a link that another user has put in the path is not followed, wherever it is") {
  if (::geteuid() != 0) return;  // only root can make one
  const Place place;
  std::ofstream(place.at("secret")) << "secret";
  fs::create_directory(place.at("private"));
  std::ofstream(place.at("private/report")) << "secret";
  place.link("secret", "report", 65534);
  place.link("private", "way", 65534);
  place.link("report", "own", 0);
  CHECK(place.written(place.at("report")) == foreign_link);
  CHECK(place.written(place.at("way/report")) == foreign_link);
  CHECK(place.written(place.at("own")) == foreign_link);
  CHECK(place.text("secret") == "secret");
  CHECK(place.text("private/report") == "secret");
}

TEST_CASE("a pipe with a reader takes it, one whose reader takes nothing is given up") {
  const Place place;
  REQUIRE(::mkfifo(place.at("pipe").c_str(), 0600) == 0);
  const Descriptor reader(::open(place.at("pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(place.written(place.at("pipe"), "line\n") == "");
  char text[8] = {};
  CHECK(::read(reader.get(), text, sizeof text) == 5);
  CHECK(std::string(text) == "line\n");
  CHECK(place.written(place.at("pipe"), std::string(1 << 20, 'x')) == "its reader takes nothing");
}
