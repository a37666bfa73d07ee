# The project's two functions: a library for a folder, a test for a test file.

# The project's root, also for tests/thread_sanitizer, which is a project of its own.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH DARKROOM_SOURCE_DIR)

add_library(darkroom_warnings INTERFACE)
# A designated initializer that leaves fields to their defaults is no mistake.
target_compile_options(darkroom_warnings INTERFACE
  -Wall -Wextra -Werror -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

# darkroom_library(NAME SOURCES file... [PUBLIC target...] [PRIVATE target...])
# Makes the target darkroom::NAME. Headers are included by their path from the project's root.
function(darkroom_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  add_library(${name} STATIC ${arg_SOURCES})
  add_library(darkroom::${name} ALIAS ${name})
  target_include_directories(${name} PUBLIC ${DARKROOM_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE} darkroom_warnings)
endfunction()

# darkroom_program_of_tests(FILE target...)
# Builds tests/FILE.cc with GoogleTest against the targets.
function(darkroom_program_of_tests file)
  string(REPLACE "/" "_" name ${file})
  add_executable(${name} ${DARKROOM_SOURCE_DIR}/tests/${file}.cc)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${DARKROOM_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARGN} darkroom_warnings GTest::gmock GTest::gtest_main)
endfunction()

# darkroom_test(FILE target...)
# Builds tests/FILE.cc likewise and registers it under FILE's path.
function(darkroom_test file)
  darkroom_program_of_tests(${file} ${ARGN})
  string(REPLACE "/" "_" name ${file})
  add_test(NAME ${file} COMMAND ${name} WORKING_DIRECTORY ${DARKROOM_SOURCE_DIR})
  set_tests_properties(${file} PROPERTIES TIMEOUT 300)
endfunction()
