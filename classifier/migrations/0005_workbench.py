import classifier.models.predictions
import django.db.models.deletion
import django.db.models.lookups
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0004_unfinished'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Assignment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('given_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('ended_at', models.DateTimeField(blank=True, help_text='When the reader was done, or was taken off.', null=True)),
            ],
            options={
                'ordering': ('given_at',),
            },
        ),
        migrations.CreateModel(
            name='BatchFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text="The sender's own key, or SHA-256 of path and content.", max_length=64)),
                ('reason', models.CharField(blank=True, help_text='Why it was not taken.', max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('reader', 'Reader'), ('viewer', 'Viewer')], max_length=6)),
            ],
            options={
                'ordering': ('pk',),
            },
        ),
        migrations.CreateModel(
            name='Project',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ('name', 'created_at'),
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.UUIDField(default=uuid.uuid4, editable=False, help_text='The same for all rows of one step.')),
                ('label', models.CharField(blank=True, help_text='A class, “none of these” or “cannot tell”.', max_length=80)),
                ('note', models.CharField(blank=True, max_length=1000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ('pk',),
            },
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80)),
                ('query', models.CharField(blank=True, max_length=2000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='SignOff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('action', models.CharField(choices=[('signed', 'Signed'), ('reopened', 'Reopened')], max_length=8)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('counts', models.JSONField(default=dict, help_text='Images in each group when it was signed.')),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ('pk',),
            },
        ),
        migrations.RemoveIndex(
            model_name='prediction',
            name='prediction_newest',
        ),
        migrations.RemoveIndex(
            model_name='prediction',
            name='prediction_unfinished',
        ),
        migrations.AddField(
            model_name='batch',
            name='closed_at',
            field=models.DateTimeField(blank=True, default=django.utils.timezone.now, help_text='Until then images can be added.', null=True),
        ),
        migrations.AddField(
            model_name='batch',
            name='crop',
            field=models.CharField(choices=[('auto', 'Auto'), ('center', 'Centre'), ('none', 'None')], default='auto', max_length=6),
        ),
        migrations.AddField(
            model_name='batch',
            name='deleted_at',
            field=models.DateTimeField(blank=True, help_text='When it went to the trash.', null=True),
        ),
        migrations.AddField(
            model_name='batch',
            name='name',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='batch',
            name='signed_at',
            field=models.DateTimeField(blank=True, help_text='From then on its reviews are locked.', null=True),
        ),
        migrations.AddField(
            model_name='batch',
            name='signed_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='batch',
            name='trained_models',
            field=models.ManyToManyField(related_name='+', to='classifier.trainedmodel'),
        ),
        migrations.AddField(
            model_name='imageupload',
            name='path',
            field=models.CharField(blank=True, help_text="Where it lay in the folder or archive that was sent, with the file's name.", max_length=1024),
        ),
        migrations.AddField(
            model_name='prediction',
            name='box_left',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='prediction',
            name='box_side',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='prediction',
            name='box_upper',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='prediction',
            name='owner',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='predictions', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='prediction',
            name='parent',
            field=models.ForeignKey(blank=True, help_text='The field of many cells that this one was cut from.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='cells', to='classifier.prediction'),
        ),
        migrations.AddField(
            model_name='prediction',
            name='deleted_at',
            field=models.DateTimeField(blank=True, help_text='When it went to the trash.', null=True),
        ),
        migrations.AddField(
            model_name='prediction',
            name='reviewed_label',
            field=models.CharField(blank=True, help_text='What the last reader said it is.', max_length=80),
        ),
        migrations.AddField(
            model_name='prediction',
            name='labels',
            field=models.JSONField(blank=True, help_text='Classes that were possible; null for all of the model.', null=True),
        ),
        migrations.AddField(
            model_name='prediction',
            name='note',
            field=models.CharField(blank=True, max_length=1000),
        ),
        migrations.AddField(
            model_name='prediction',
            name='reviewed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='prediction',
            name='turn',
            field=models.PositiveIntegerField(default=0, help_text='Its round in the queue: each person has one prediction in a round.'),
        ),
        migrations.AlterField(
            model_name='batch',
            name='owner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='batches', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='imageupload',
            name='owner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='image_uploads', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='prediction',
            name='batch',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='predictions', to='classifier.batch'),
        ),
        migrations.AlterField(
            model_name='prediction',
            name='trained_model',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='predictions', to='classifier.trainedmodel'),
        ),
        migrations.AddField(
            model_name='assignment',
            name='batch',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assignments', to='classifier.batch'),
        ),
        migrations.AddField(
            model_name='assignment',
            name='reader',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='assignments', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='batchfile',
            name='batch',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='files', to='classifier.batch'),
        ),
        migrations.AddField(
            model_name='batchfile',
            name='image',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='classifier.imageupload'),
        ),
        migrations.AddField(
            model_name='membership',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='project',
            name='members',
            field=models.ManyToManyField(related_name='projects', through='classifier.Membership', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='project',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='own_projects', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='membership',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='classifier.project'),
        ),
        migrations.AddField(
            model_name='batch',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='batches', to='classifier.project'),
        ),
        migrations.AddField(
            model_name='prediction',
            name='project',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='predictions', to='classifier.project'),
        ),
        migrations.AddField(
            model_name='review',
            name='assignment',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='classifier.assignment'),
        ),
        migrations.AddField(
            model_name='review',
            name='prediction',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='classifier.prediction'),
        ),
        migrations.AddField(
            model_name='review',
            name='reader',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reviews', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='review',
            name='withdraws',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='withdrawn_by', to='classifier.review'),
        ),
        migrations.AddField(
            model_name='savedview',
            name='owner',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='signoff',
            name='batch',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sign_offs', to='classifier.batch'),
        ),
        migrations.AddField(
            model_name='signoff',
            name='person',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='prediction',
            name='certainty',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(in_distribution=False, then=models.Value('unlike')), models.When(django.db.models.lookups.GreaterThan(classifier.models.predictions.ArrayLength('prediction_set'), 1), then=models.Value('undecided')), models.When(in_distribution=True, then=models.Value('accepted')), default=models.Value('')), output_field=models.CharField(choices=[('', 'Not known'), ('accepted', 'Accepted'), ('undecided', 'Undecided'), ('unlike', 'Unlike the training data')], max_length=10)),
        ),
        migrations.AddField(
            model_name='prediction',
            name='gallery_group',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(models.Q(('reviewed_label', ''), _negated=True), then=models.F('reviewed_label')), models.When(in_distribution=False, then=models.Value('unlike the training data')), models.When(django.db.models.lookups.GreaterThan(classifier.models.predictions.ArrayLength('prediction_set'), 1), then=models.Value('undecided')), default=models.F('predicted_label')), output_field=models.CharField(max_length=80)),
        ),
        migrations.AddField(
            model_name='prediction',
            name='review_state',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(reviewed_label='', then=models.Value('unreviewed')), models.When(reviewed_label='cannot tell', then=models.Value('unclear')), models.When(reviewed_label=models.F('predicted_label'), then=models.Value('confirmed')), default=models.Value('corrected')), output_field=models.CharField(choices=[('unreviewed', 'Not reviewed'), ('confirmed', 'Confirmed'), ('corrected', 'Corrected'), ('unclear', 'Cannot tell')], max_length=10)),
        ),
        migrations.AddIndex(
            model_name='imageupload',
            index=models.Index(fields=['owner', 'sha256'], name='image_own_content'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['-created_at', '-id'], name='prediction_newest'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', '-created_at', '-id'], name='prediction_own_newest'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'predicted_label', '-created_at', '-id'], name='prediction_own_label'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'trained_model', '-created_at', '-id'], name='prediction_own_model'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'status', '-created_at', '-id'], name='prediction_own_status'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'certainty', '-created_at', '-id'], name='prediction_own_certainty'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'review_state', '-created_at', '-id'], name='prediction_own_review'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'confidence', 'id'], name='prediction_own_confidence'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['owner', 'gallery_group', 'confidence', 'id'], name='prediction_own_group'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('project__isnull', False)), fields=['project', '-created_at', '-id'], name='prediction_project_newest'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(fields=['batch', 'created_at', 'id'], name='prediction_of_batch'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('batch__isnull', False)), fields=['batch', 'gallery_group', 'confidence', 'id'], name='prediction_batch_group'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('deleted_at__isnull', False)), fields=['owner', '-deleted_at'], name='prediction_trash'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('finished_at__isnull', True)), fields=['trained_model', '-attempts', 'turn', 'created_at'], name='prediction_unfinished'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('finished_at__isnull', True)), fields=['-attempts', 'turn', 'created_at'], name='prediction_in_line'),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('finished_at__isnull', True)), fields=['owner', 'turn'], name='prediction_own_unfinished'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(('signed_by__isnull', True), ('signed_at__isnull', False), _connector='OR'), name='batch_signature_has_a_time'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(('signed_at__isnull', True), ('closed_at__isnull', False), _connector='OR'), name='batch_is_closed_before_it_is_signed'),
        ),
        migrations.AddConstraint(
            model_name='prediction',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('box_left__isnull', True), ('box_side__isnull', True), ('box_upper__isnull', True)), models.Q(('box_left__isnull', False), ('box_side__gt', 0), ('box_upper__isnull', False)), _connector='OR'), name='prediction_box_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='prediction',
            constraint=models.CheckConstraint(condition=models.Q(('parent__isnull', True), models.Q(('box_side__isnull', False), models.Q(('parent', models.F('id')), _negated=True)), _connector='OR'), name='prediction_of_a_field_has_its_box'),
        ),
        migrations.AddConstraint(
            model_name='prediction',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'SUCCESS'), ('reviewed_label', ''), _connector='OR'), name='prediction_is_answered_before_it_is_reviewed'),
        ),
        migrations.AddConstraint(
            model_name='prediction',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('note', ''), ('reviewed_label', '')), ('reviewed_at__isnull', False), _connector='OR'), name='prediction_review_has_a_time'),
        ),
        migrations.AddConstraint(
            model_name='assignment',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('batch', 'reader'), name='assignment_once_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='batchfile',
            constraint=models.UniqueConstraint(fields=('batch', 'key'), name='batch_file_once'),
        ),
        migrations.AddConstraint(
            model_name='batchfile',
            constraint=models.CheckConstraint(condition=models.Q(('image__isnull', True), ('reason', ''), _connector='OR'), name='batch_file_is_taken_or_not'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='project_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('project', 'user'), name='membership_once'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['reader', 'viewer'])), name='membership_role_is_known'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(fields=['prediction', 'id'], name='review_steps'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(fields=['reader', 'id'], name='review_by_reader'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(fields=['step'], name='review_step'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('label', ''), _negated=True), models.Q(('note', ''), _negated=True), ('withdraws__isnull', False), _connector='OR'), name='review_says_something'),
        ),
        migrations.AddConstraint(
            model_name='savedview',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='saved_view_once'),
        ),
        migrations.AddConstraint(
            model_name='signoff',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('action', 'reopened'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='reopening_has_a_reason'),
        ),
    ]
