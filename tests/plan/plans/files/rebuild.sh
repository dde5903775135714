#!/bin/sh
echo rebuilt "$@"
