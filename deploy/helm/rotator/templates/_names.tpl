{{- define "rotator.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "rotator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "rotator.labels" -}}
{{ include "rotator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "rotator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "rotator.name" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- /* Is a key of ours a Secret of this cluster? */}}
{{- define "rotator.hasKeys" -}}
{{- range .Values.encryptionKeys }}{{ if .existingSecret }}yes{{ end }}{{ end }}
{{- end }}

{{- define "rotator.image" -}}
{{- if .Values.image.digest }}{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}{{ else }}{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}{{ end }}
{{- end }}

{{- /* Namespace -> names of the Secrets that rotations deliver to as the pod, as JSON. */}}
{{- define "rotator.kubernetesSecrets" -}}
{{- $found := dict }}
{{- $namespace := .Release.Namespace }}
{{- $shared := dig "destinations" list .Values.defaults }}
{{- range $rotation := .Values.rotations }}
{{- range $destination := (default $shared $rotation.destinations) }}
{{- if and (eq $destination.kind "kubernetes") (not $destination.kubeconfig) }}
{{- $space := default $namespace $destination.namespace | replace "{rotation.name}" $rotation.name }}
{{- $name := $destination.secret | replace "{rotation.name}" $rotation.name }}
{{- $_ := set $found $space (append (default list (get $found $space)) $name | uniq | sortAlpha) }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- /* Namespace -> kind of workload -> names of those that hooks restart as the pod, as JSON. */}}
{{- define "rotator.kubernetesWorkloads" -}}
{{- $found := dict }}
{{- $namespace := .Release.Namespace }}
{{- $shared := dig "hooks" list .Values.defaults }}
{{- range $rotation := .Values.rotations }}
{{- range $hook := (default $shared $rotation.hooks) }}
{{- if and (eq $hook.kind "kubernetes") (not $hook.kubeconfig) }}
{{- $space := default $namespace $hook.namespace | replace "{rotation.name}" $rotation.name }}
{{- $kinds := default dict (get $found $space) }}
{{- range $hook.restart }}
{{- $parts := splitList "/" (replace "{rotation.name}" $rotation.name .) }}
{{- $kind := printf "%ss" (first $parts) }}
{{- $_ := set $kinds $kind (append (default list (get $kinds $kind)) (last $parts) | uniq | sortAlpha) }}
{{- end }}
{{- $_ := set $found $space $kinds }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}
